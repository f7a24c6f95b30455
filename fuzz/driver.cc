// Runs one fuzz target without libFuzzer: every input of its corpus, then a bounded number of mutations of them, the
// same ones each time. Inputs that reach code no input reached before are kept for the run and mutated further; the
// compiler reports what is reached (-fsanitize-coverage=trace-pc).
//
//   TARGET [--runs N] [--seed N] [--save DIR] [--write-seeds DIR] [FILE-OR-DIR…]
//
// When the target ends the process, or takes longer than 10 s, the input is written to DIR (default: the first
// directory given), where the next run finds it as a regression.
#include "target.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>

// NOLINTBEGIN(bugprone-reserved-identifier): names that the linker and the sanitizers give
extern "C" const char __executable_start;  // by the linker: where this program was loaded
extern "C" void __sanitizer_cov_trace_pc();
// NOLINTEND(bugprone-reserved-identifier)

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

constexpr size_t kInputBytesMax = 64 * 1024;
constexpr unsigned kSecondsPerInputMax = 10;
constexpr size_t kCorpusMax = 4096;

// ---- what was reached ----

// One counter per (hashed) step from one block to the next.
alignas(8) std::array<uint8_t, 1 << 16> reached;
bool tracing = false;
uintptr_t previousBlock = 0;

// Which of these steps some input has taken, with how often in classes of 1, 2, 3, 4-7, 8-15 ….
std::array<uint8_t, 1 << 16> known;

uint8_t classOf(uint8_t count) {
  if (count <= 3) return static_cast<uint8_t>(1 << count >> 1);
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
}

bool learn() {
  bool fresh = false;
  for (size_t word = 0; word < reached.size(); word += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, reached.data() + word, sizeof eight);
    if (eight == 0) continue;
    for (size_t i = word; i < word + 8; ++i) {
      if (reached[i] == 0) continue;
      const uint8_t seen = classOf(reached[i]);
      fresh |= (known[i] & seen) == 0;
      known[i] |= seen;
    }
  }
  return fresh;
}

// ---- the input that is running, for whoever ends the process ----

const uint8_t* runningData = nullptr;
size_t runningSize = 0;
char savePath[4096];

void save() {
  if (runningData == nullptr || savePath[0] == '\0') return;
  const int file = ::open(savePath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  for (size_t done = 0; done < runningSize;) {
    const ssize_t n = ::write(file, runningData + done, runningSize - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  ::close(file);
  const auto say = [](std::string_view text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); };
  say("fuzz: the input is kept as ");
  say(savePath);
  say("\n");
  runningData = nullptr;
}

void onSignal(int signal) {
  save();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

uint64_t hashOf(std::span<const uint8_t> bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

// True if the input reached something new.
bool run(const Bytes& input, const std::string& directory) {
  if (!directory.empty()) {
    std::snprintf(savePath, sizeof savePath, "%s/found-%016llx", directory.c_str(),
                  static_cast<unsigned long long>(hashOf(input)));
  }
  // In memory that ends with the input, so that reading beyond it is seen.
  static std::vector<uint8_t> exact;
  exact = Bytes(input);
  exact.shrink_to_fit();
  runningData = exact.data();
  runningSize = exact.size();
  ::alarm(kSecondsPerInputMax);
  reached.fill(0);
  previousBlock = 0;
  tracing = true;
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  tracing = false;
  ::alarm(0);
  runningData = nullptr;
  return learn();
}

// ---- mutations ----

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t end) { return end == 0 ? 0 : static_cast<size_t>(random_() % end); }

  Bytes mutate(const std::vector<Bytes>& corpus) {
    Bytes bytes = corpus[below(corpus.size())];
    for (size_t changes = 1 + below(4); changes > 0; --changes) change(bytes, corpus);
    if (bytes.size() > kInputBytesMax) bytes.resize(kInputBytesMax);
    return bytes;
  }

 private:
  void change(Bytes& bytes, const std::vector<Bytes>& corpus) {
    static constexpr uint8_t kTelling[] = {0,    1,    9,    10,   13,   32,   0x22, 0x26,
                                           0x3c, 0x5c, 0x7f, 0x80, 0xc2, 0xf0, 0xfe, 0xff};
    const size_t at = below(bytes.size() + 1);
    const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
    switch (below(9)) {
      case 0:
        if (at < bytes.size()) bytes[at] ^= static_cast<uint8_t>(1U << below(8));
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<uint8_t>(random_());
        break;
      case 2:
        if (at < bytes.size()) bytes[at] = kTelling[below(std::size(kTelling))];
        break;
      case 3:
        if (at < bytes.size()) bytes[at] = static_cast<uint8_t>(bytes[at] + below(17) - 8);
        break;
      case 4: bytes.insert(place, 1 + below(3), kTelling[below(std::size(kTelling))]); break;
      case 5:
        bytes.erase(place, place + static_cast<ptrdiff_t>(below(std::min<size_t>(bytes.size() - at, 32) + 1)));
        break;
      case 6: {  // a piece of this or another input, inserted or written over
        const Bytes& from = corpus[below(corpus.size())];
        const size_t start = below(from.size());
        const size_t size = below(std::min<size_t>(from.size() - start, 64) + 1);
        const Bytes piece(from.begin() + static_cast<ptrdiff_t>(start),
                          from.begin() + static_cast<ptrdiff_t>(start + size));
        if (below(2) == 0) {
          bytes.insert(place, piece.begin(), piece.end());
        } else {
          for (size_t i = 0; i < piece.size() && at + i < bytes.size(); ++i) bytes[at + i] = piece[i];
        }
        break;
      }
      case 7: {  // the front of this, the back of another
        const Bytes& from = corpus[below(corpus.size())];
        const size_t start = below(from.size() + 1);
        bytes.resize(at);
        bytes.insert(bytes.end(), from.begin() + static_cast<ptrdiff_t>(start), from.end());
        break;
      }
      default: {  // a number of several bytes
        static constexpr uint64_t kNumbers[] = {0,
                                                1,
                                                7,
                                                8,
                                                255,
                                                256,
                                                4096,
                                                65535,
                                                65536,
                                                0x7fffffff,
                                                0x80000000,
                                                0xffffffff,
                                                0x7fffffffffffffff,
                                                0xffffffffffffffff};
        const uint64_t number = kNumbers[below(std::size(kNumbers))] + below(3) - 1;
        const size_t size = std::min(size_t{1} << below(4), bytes.size() - at);
        std::memcpy(bytes.data() + at, &number, size);
      }
    }
  }

  std::mt19937_64 random_;
};

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "fuzz: %s\n", what.c_str());
  std::exit(2);
}

Bytes readFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) refuse("cannot read " + path.string());
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

// Called by the code under test at the start of every block.
extern "C" void __sanitizer_cov_trace_pc() {  // NOLINT(bugprone-reserved-identifier)
  if (!tracing) return;
  const uintptr_t block =
      reinterpret_cast<uintptr_t>(__builtin_return_address(0)) - reinterpret_cast<uintptr_t>(&__executable_start);
  const uintptr_t mixed = (block * 0x9e3779b97f4a7c15ULL) >> 48;
  uint8_t& count = reached[(mixed ^ previousBlock) & 0xffff];
  if (count != 255) ++count;
  previousBlock = mixed >> 1;
}

// The sanitizers end the process as a failed CHECK does, so that one handler keeps the input.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" const char* __asan_default_options() { return "abort_on_error=1"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }
// NOLINTEND(bugprone-reserved-identifier)

int main(int argc, char** argv) {
  uint64_t runs = 20'000;
  uint64_t seed = 1;
  std::string directory;
  std::string seedsTo;
  std::vector<fs::path> places;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 == argc) refuse(std::string(argument) + " needs a value");
      return argv[++i];
    };
    const auto number = [&] {
      const std::string_view text = value();
      uint64_t result = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
      if (error != std::errc() || end != text.data() + text.size()) refuse(std::string(text) + " is not a number");
      return result;
    };
    if (argument == "--runs") runs = number();
    else if (argument == "--seed") seed = number();
    else if (argument == "--save") directory = value();
    else if (argument == "--write-seeds") seedsTo = value();
    else if (argument.starts_with("-")) refuse("unknown option " + std::string(argument));
    else places.emplace_back(argument);
  }

  std::vector<Bytes> corpus = weir::fuzz::seeds();
  if (!seedsTo.empty()) {
    fs::create_directories(seedsTo);
    for (const Bytes& each : corpus) {
      std::ofstream(seedsTo + "/seed-" + std::to_string(hashOf(each)), std::ios::binary)
          .write(reinterpret_cast<const char*>(each.data()), static_cast<std::streamsize>(each.size()));
    }
    return 0;
  }
  std::vector<fs::path> files;
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) {
      files.push_back(place);
      continue;
    }
    if (directory.empty()) directory = place.string();
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) corpus.push_back(readFile(file));
  const size_t given = corpus.size();
  if (given == 0) refuse("no corpus: a target without a seed finds nothing");

  for (const int signal : {SIGABRT, SIGALRM, SIGILL, SIGFPE}) ::signal(signal, onSignal);

  for (const Bytes& input : std::vector<Bytes>(corpus)) run(input, directory);
  const size_t reachedByCorpus =
      static_cast<size_t>(std::count_if(known.begin(), known.end(), [](auto k) { return k != 0; }));
  if (reachedByCorpus == 0) refuse("the corpus reached no code that was compiled for this");
  Mutator mutator(seed);
  for (uint64_t i = 0; i < runs; ++i) {
    Bytes input = mutator.mutate(corpus);
    if (run(input, directory) && corpus.size() < kCorpusMax) corpus.push_back(std::move(input));
  }
  const size_t reachedNow =
      static_cast<size_t>(std::count_if(known.begin(), known.end(), [](auto k) { return k != 0; }));
  std::printf("fuzz: %zu inputs given, %llu made from them (seed %llu), %zu kept; %zu steps reached, then %zu\n", given,
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed), corpus.size() - given,
              reachedByCorpus, reachedNow);
  return 0;
}
