// Starts the probe and reads its answers. Which confinements were active is printed with every test.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "probe_attempts.h"
#include "sandbox/engine_process.h"

namespace weir::security {
namespace {

using sandbox::EngineExit;
using sandbox::EngineFiles;
using sandbox::EngineImage;
using sandbox::EngineLaunch;
using sandbox::EngineProcess;
using std::chrono::steady_clock;
using wire::Confinement;
using wire::Confinements;

constexpr std::chrono::seconds kPatience{60};

struct Answer {
  std::string thread, kind, name;
  long result;
};

struct ProbeRun {
  Confinements confinements;  // both halves
  std::vector<Answer> answers;
  std::vector<std::string> lines;  // what it printed
  size_t blobs = 0;                // sealed blobs received
  bool ended = false;              // it said that it was through
  std::chrono::microseconds toReport{0};
};

const EngineImage& image() {
  static const auto loaded = EngineImage::load({.node = WEIR_NODE, .addon = WEIR_PROBE, .launcher = WEIR_LAUNCHER});
  if (!loaded.ok()) ADD_FAILURE() << loaded.error().message;
  return *loaded;
}

EngineLaunch launchWith(const std::string& mode) {
  EngineLaunch launch;
  launch.arguments = {mode};
  return launch;
}

std::unique_ptr<EngineProcess> start(const EngineImage& from, const EngineLaunch& launch) {
  auto spawned = EngineProcess::spawn(from, launch);
  if (!spawned.ok()) {
    ADD_FAILURE() << spawned.error().message;
    return nullptr;
  }
  return std::move(*spawned);
}

void take(ProbeRun& run, const wire::ControlMessage& message) {
  const std::string text(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
  if (text[0] == 'C') {
    auto report = Confinements::decode(std::span(message.bytes).subspan(1));
    ASSERT_TRUE(report.ok());
    run.confinements.merge(*report);
  } else if (text[0] == 'A') {
    std::vector<std::string> parts;
    for (size_t at = 1; at <= text.size();) {
      const size_t tab = std::min(text.find('\t', at), text.size());
      parts.push_back(text.substr(at, tab - at));
      at = tab + 1;
    }
    ASSERT_EQ(parts.size(), 4u) << text;
    run.answers.push_back({parts[0], parts[1], parts[2], std::stol(parts[3])});
  } else if (text[0] == 'B') {
    ASSERT_EQ(message.descriptors.size(), 1u);
    ++run.blobs;
  } else if (text[0] == 'E') {
    run.ended = true;
  }
}

// Listens until the probe says that it is through, or its socket closes, or patience ends.
ProbeRun listen(EngineProcess& engine, bool onlyReport = false) {
  ProbeRun run;
  run.confinements = engine.confinements();
  const auto begin = steady_clock::now();
  bool output = true;
  auto onLine = [&run](std::string_view line) { run.lines.emplace_back(line); };
  while (!run.ended && steady_clock::now() - begin < kPatience) {
    pollfd watched[] = {{engine.control().fd(), POLLIN, 0}, {output ? engine.outputFd() : -1, POLLIN, 0}};
    ::poll(watched, 2, 1000);
    if (output) output = engine.drainOutput(onLine);
    auto received = engine.control().receive();
    if (!received.ok()) {
      ADD_FAILURE() << received.error().message;
      return run;
    }
    if (received->peerGone) break;
    if (!received->message) continue;
    if (run.toReport.count() == 0)
      run.toReport = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
    take(run, *received->message);
    if (onlyReport) break;
  }
  if (output) engine.drainOutput(onLine);
  return run;
}

void printMissing(const Confinements& confinements) {
  std::printf("confinements: %s\n", confinements.summary().c_str());
  std::fflush(stdout);
}

std::string readAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string statusField(pid_t pid, const std::string& name) {
  const std::string status = "\n" + readAll("/proc/" + std::to_string(pid) + "/status");
  const size_t at = status.find("\n" + name + ":\t");
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 3;
  return status.substr(from, status.find('\n', from) - from);
}

std::set<std::string> openDescriptors(const std::string& directory = "/proc/self/fd") {
  std::set<std::string> result;
  DIR* list = ::opendir(directory.c_str());
  if (list == nullptr) return result;
  while (const dirent* entry = ::readdir(list)) {
    if (entry->d_name[0] == '.') continue;
    char target[512] = {};
    (void)!::readlink((directory + "/" + entry->d_name).c_str(), target, sizeof(target) - 1);
    result.insert(std::string(entry->d_name) + " " + target);
  }
  ::closedir(list);
  return result;
}

bool isChildLeft() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

void expectAllRefusedAndAllWorking(const ProbeRun& run) {
  for (const std::string& line : run.lines) std::printf("engine: %s\n", line.c_str());
  ASSERT_TRUE(run.ended) << "the probe did not come to its end; " << run.answers.size() << " answers";
  EXPECT_TRUE(run.confinements.active(Confinement::kSeccomp)) << run.confinements.reason(Confinement::kSeccomp);
  EXPECT_TRUE(run.confinements.active(Confinement::kNoNewPrivileges));
  std::map<std::string, size_t> hostile;
  std::map<std::string, size_t> needed;
  for (const Answer& answer : run.answers) {
    if (answer.kind == "hostile") {
      ++hostile[answer.thread];
      const bool refused =
          answer.result == -EPERM || answer.result == -ENOSYS || (answer.name == "ioctl" && answer.result == -ENOTTY);
      EXPECT_TRUE(refused) << answer.thread << ": " << answer.name << " gave " << answer.result;
    } else {
      ++needed[answer.thread];
      EXPECT_GE(answer.result, 0) << answer.thread << ": " << answer.name;
    }
  }
  const size_t hostileCount = hostileAttempts().size();
  const size_t neededCount = neededAttempts().size();
  EXPECT_GE(hostileCount, 105u);
  EXPECT_GE(neededCount, 20u);
  constexpr size_t kJavaScript = 3;
  const std::map<std::string, size_t> allHostile = {
      {"main", hostileCount}, {"older", hostileCount}, {"node-worker", hostileCount}, {"new", hostileCount}};
  const std::map<std::string, size_t> allNeeded = {{"main", neededCount + kJavaScript + 1},
                                                   {"older", neededCount},
                                                   {"node-worker", neededCount},
                                                   {"new", neededCount + kJavaScript}};
  EXPECT_EQ(hostile, allHostile);
  EXPECT_EQ(needed, allNeeded);
  EXPECT_EQ(run.blobs, 4u);
  ASSERT_FALSE(run.lines.empty());
  EXPECT_EQ(run.lines.back(), "printed after the lock-down");
  std::printf("%zu hostile attempts refused and %zu needed ones working, on each of 4 threads\n", hostileCount,
              neededCount);
}

TEST(Confinement, everyAttemptIsRefusedOnEveryThreadAndV8Works) {
  auto engine = start(image(), launchWith("attempts"));
  ASSERT_NE(engine, nullptr);
  const ProbeRun run = listen(*engine);
  printMissing(run.confinements);
  expectAllRefusedAndAllWorking(run);
}

TEST(Confinement, aCopyIsHeldInAsTheProcessItWasCopiedFrom) {
  auto spawned = start(image(), launchWith("wait"));
  ASSERT_NE(spawned, nullptr);
  const Confinements whole = listen(*spawned, true).confinements;
  if (!whole.active(Confinement::kPidNamespace) || !whole.active(Confinement::kMountNamespace) ||
      !whole.active(Confinement::kUserNamespace)) {
    GTEST_SKIP() << "no copies are made here: " << whole.summary();
  }
  auto engine = start(image(), launchWith("copy"));
  ASSERT_NE(engine, nullptr);
  const ProbeRun run = listen(*engine);
  printMissing(run.confinements);
  ASSERT_TRUE(run.ended) << run.answers.size() << " answers";
  EXPECT_EQ(run.confinements, whole);
  std::map<std::string, size_t> hostile;
  for (const Answer& answer : run.answers) {
    if (answer.kind == "hostile") ++hostile[answer.thread];
    const bool refused =
        answer.result == -EPERM || answer.result == -ENOSYS || (answer.name == "ioctl" && answer.result == -ENOTTY);
    EXPECT_TRUE(answer.kind == "hostile" ? refused : answer.result >= 0)
        << answer.thread << ": " << answer.name << " gave " << answer.result;
  }
  const size_t count = hostileAttempts().size();
  EXPECT_EQ(hostile, (std::map<std::string, size_t>{{"main", count}, {"new", count}}));
}

TEST(Confinement, whatTheKernelSaysAgreesWithTheReport) {
  auto engine = start(image(), launchWith("wait"));
  ASSERT_NE(engine, nullptr);
  const ProbeRun run = listen(*engine, true);
  printMissing(run.confinements);
  const std::string process = "/proc/" + std::to_string(engine->pid());
  size_t threads = 0;
  DIR* list = ::opendir((process + "/task").c_str());
  ASSERT_NE(list, nullptr);
  while (const dirent* entry = ::readdir(list)) {
    if (entry->d_name[0] == '.') continue;
    ++threads;
    const pid_t thread = std::stoi(entry->d_name);
    EXPECT_EQ(statusField(thread, "Seccomp"), "2") << thread;
    EXPECT_EQ(statusField(thread, "NoNewPrivs"), "1") << thread;
    if (run.confinements.active(Confinement::kCapabilities)) {
      for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
        EXPECT_EQ(statusField(thread, set), "0000000000000000") << set << " of " << thread;
      }
    }
    if (run.confinements.active(Confinement::kUnprivilegedUser)) {
      EXPECT_NE(statusField(thread, "Uid").substr(0, 2), "0\t");
      EXPECT_EQ(statusField(thread, "Groups").find_first_not_of(" \t"),
                ::geteuid() == 0 ? std::string::npos : statusField(thread, "Groups").find_first_not_of(" \t"));
    }
  }
  ::closedir(list);
  EXPECT_GE(threads, 5u);
  const std::pair<Confinement, const char*> namespaces[] = {
      {Confinement::kUserNamespace, "user"},    {Confinement::kPidNamespace, "pid"},
      {Confinement::kMountNamespace, "mnt"},    {Confinement::kNetNamespace, "net"},
      {Confinement::kIpcNamespace, "ipc"},      {Confinement::kUtsNamespace, "uts"},
      {Confinement::kCgroupNamespace, "cgroup"}};
  for (const auto& [confinement, name] : namespaces) {
    if (!run.confinements.active(confinement)) continue;
    char ours[64] = {};
    char theirs[64] = {};
    ASSERT_GT(::readlink((std::string("/proc/self/ns/") + name).c_str(), ours, sizeof(ours) - 1), 0);
    // Only a capable parent may look; an ordinary user has the attempts as its proof.
    if (::readlink((process + "/ns/" + name).c_str(), theirs, sizeof(theirs) - 1) < 0) continue;
    EXPECT_STRNE(ours, theirs) << name;
  }
  // Nothing but what the launch gives, and Node's event and epoll descriptors.
  for (const std::string& descriptor : openDescriptors(process + "/fd")) {
    const int number = std::stoi(descriptor);
    if (number <= wire::kControlDescriptor) continue;
    EXPECT_TRUE(descriptor.find("anon_inode:[eventfd]") != std::string::npos ||
                descriptor.find("anon_inode:[eventpoll]") != std::string::npos)
        << descriptor;
  }
}

// Each layer by itself: with the filter left out, the others still hold.
TEST(Confinement, withoutTheFilterTheOtherLayersHold) {
  auto engine = start(image(), launchWith("without-filter"));
  ASSERT_NE(engine, nullptr);
  const ProbeRun run = listen(*engine);
  printMissing(run.confinements);
  EXPECT_FALSE(run.confinements.active(Confinement::kSeccomp));
  std::map<std::string, long> results;
  for (const Answer& answer : run.answers) results[answer.name] = answer.result;
  size_t looked = 0;
  auto expectRefused = [&](Confinement by, std::initializer_list<const char*> names) {
    if (!run.confinements.active(by)) return;
    for (const char* name : names) {
      ASSERT_TRUE(results.contains(name)) << name;
      EXPECT_LT(results[name], 0) << name << " without " << wire::confinementName(by);
      ++looked;
    }
  };
  expectRefused(
      Confinement::kEmptyRoot,
      {"open /etc/passwd", "open /bin/node", "open /proc/self/mem", "open /proc/self/fd/3", "open /dev/null",
       "open a parent directory", "openat2", "create a file", "create a file in tmp", "create an unnamed file",
       "stat a path", "read a link", "unlink", "make a directory", "symlink", "execve"});
  expectRefused(Confinement::kCapabilities,
                {"mount", "umount", "pivot_root", "chroot", "setns", "sethostname", "make a device", "open by handle",
                 "reboot", "init_module", "set the clock", "setgroups", "socket packet"});
  expectRefused(Confinement::kUnprivilegedUser, {"setresuid"});  // to 0, which root may without any capability
  expectRefused(Confinement::kResourceLimits, {"raise RLIMIT_FSIZE"});
  expectRefused(Confinement::kPidNamespace, {"kill a thread of another process", "read another process"});
  if (run.confinements.active(Confinement::kEmptyRoot) && run.confinements.active(Confinement::kCapabilities)) {
    EXPECT_GE(looked, 30u);
  }
  std::printf("%zu attempts refused by the layers other than the filter\n", looked);
}

TEST(Confinement, requireSandboxStartsOnlyACompleteOne) {
  EngineLaunch launch = launchWith("wait");
  launch.requireSandbox = true;
  auto spawned = EngineProcess::spawn(image(), launch);
  if (spawned.ok()) {
    const ProbeRun run = listen(**spawned, true);
    printMissing(run.confinements);
    for (size_t i = 0; i < wire::kConfinementCount; ++i) {
      const auto confinement = static_cast<Confinement>(i);
      if (wire::isMadeByParent(confinement)) {
        EXPECT_TRUE(run.confinements.active(confinement));
      }
    }
  } else {
    std::printf("refused: %s\n", spawned.error().message.c_str());
    EXPECT_EQ(spawned.error().message.find("--require-sandbox: missing "), 0u);
  }
  // One that is always missing: an engine that may be uid 0.
  if (::geteuid() == 0) {
    launch.unprivilegedUid = 0;
    auto refused = EngineProcess::spawn(image(), launch);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("unprivileged-user"), std::string::npos);
  }
  spawned = base::Error{"done"};
  EXPECT_FALSE(isChildLeft());
}

TEST(Confinement, anotherAbiEndsTheEngine) {
#if defined(__x86_64__)
  for (const char* mode : {"other-abi", "x32"}) {
    auto engine = start(image(), launchWith(mode));
    ASSERT_NE(engine, nullptr);
    listen(*engine);
    // Without 32-bit emulation in the kernel the instruction itself faults.
    const EngineExit end = engine->wait();
    EXPECT_TRUE(end.signal == SIGSYS || (std::string(mode) == "other-abi" && end.signal == SIGSEGV))
        << mode << " " << end.text();
  }
#endif
}

TEST(Confinement, aMemfdCannotGrowPastItsLimit) {
  auto engine = start(image(), launchWith("grow-file"));
  ASSERT_NE(engine, nullptr);
  const ProbeRun run = listen(*engine);
  ASSERT_EQ(run.answers.size(), 1u);
  EXPECT_EQ(run.answers[0].result, -EFBIG);
}

TEST(EngineProcess, aCrashIsReportedWithItsSignal) {
  for (const auto& [mode, signals] :
       {std::pair<const char*, std::set<int>>{"crash", {SIGSEGV}},
        // As the first process of its namespace it cannot end by an ordinary SIGABRT.
        std::pair<const char*, std::set<int>>{"abort", {SIGABRT, SIGSEGV, SIGILL, SIGTRAP}}}) {
    auto engine = start(image(), launchWith(mode));
    ASSERT_NE(engine, nullptr);
    listen(*engine);
    const EngineExit end = engine->wait();
    ASSERT_TRUE(end.signal.has_value()) << end.text();
    EXPECT_TRUE(signals.contains(*end.signal)) << end.text();
    EXPECT_EQ(engine->reap()->text(), end.text());  // the same answer from then on
  }
  EXPECT_FALSE(isChildLeft());
}

TEST(EngineProcess, anExitIsReportedWithItsStatus) {
  for (const char* mode : {"exit", "exit-before"}) {
    auto engine = start(image(), launchWith(mode));
    ASSERT_NE(engine, nullptr);
    listen(*engine);
    pollfd ended{engine->pidfd(), POLLIN, 0};
    ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
    auto end = engine->reap();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->text(), "exited with status 3");
  }
}

TEST(EngineProcess, aHangingEngineIsKilled) {
  auto engine = start(image(), launchWith("hang"));
  ASSERT_NE(engine, nullptr);
  listen(*engine, true);
  EXPECT_FALSE(engine->reap().has_value());
  engine->kill();
  EXPECT_EQ(engine->wait().text(), "killed by SIGKILL");
  engine->kill();  // harmless once it has ended
  EXPECT_FALSE(isChildLeft());
}

TEST(EngineProcess, aFloodOfOutputStaysBoundedAndDelaysNobody) {
  auto engine = start(image(), launchWith("flood"));
  ASSERT_NE(engine, nullptr);
  // Nothing is read until it is through: it must not have waited for us.
  pollfd readable{engine->control().fd(), POLLIN, 0};
  bool ended = false;
  while (!ended && ::poll(&readable, 1, 30'000) == 1) {
    auto received = engine->control().receive();
    ASSERT_TRUE(received.ok());
    ASSERT_FALSE(received->peerGone);
    if (received->message) ended = received->message->bytes[0] == std::byte{'E'};
  }
  EXPECT_TRUE(ended);
  size_t lines = 0;
  for (int i = 0; i < 10; ++i) engine->drainOutput([&lines](std::string_view) { ++lines; });
  EXPECT_GT(lines, 100u);
  EXPECT_LT(lines, 2000u);
}

TEST(EngineProcess, descriptorsArriveUnderTheirNumbers) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  EngineLaunch launch = launchWith("wait");
  launch.descriptors = {{ends[0], 9}, {ends[1], 5}};
  auto engine = start(image(), launch);
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(openDescriptors("/proc/" + std::to_string(engine->pid()) + "/fd").empty(), false);
  for (auto broken :
       {EngineLaunch{.descriptors = {{ends[0], 4}}}, EngineLaunch{.descriptors = {{ends[0], 64}}},
        EngineLaunch{.descriptors = {{ends[0], 7}, {ends[1], 7}}}, EngineLaunch{.descriptors = {{999, 7}}}}) {
    EXPECT_FALSE(EngineProcess::spawn(image(), broken).ok());
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(EngineProcess, fiftySpawnsLeaveNothingBehind) {
  (void)image();
  { auto warm = start(image(), launchWith("wait")); }
  const auto before = openDescriptors();
  std::vector<double> spawned;
  std::vector<double> ready;
  for (int i = 0; i < 50; ++i) {
    const auto begin = steady_clock::now();
    auto engine = start(image(), launchWith("wait"));
    ASSERT_NE(engine, nullptr);
    spawned.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
    const ProbeRun run = listen(*engine, true);
    ready.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
    ASSERT_TRUE(run.confinements.active(Confinement::kSeccomp));
  }
  EXPECT_EQ(openDescriptors(), before);
  EXPECT_FALSE(isChildLeft());
  std::sort(spawned.begin(), spawned.end());
  std::sort(ready.begin(), ready.end());
  std::printf(
      "spawn: median %.1f ms, max %.1f ms; to locked down and reported: median %.1f ms, p90 %.1f ms, max "
      "%.1f ms\n",
      spawned[25], spawned.back(), ready[25], ready[45], ready.back());
}

TEST(EngineProcess, severalThreadsMaySpawnAtOnce) {
  std::vector<std::jthread> threads;
  std::atomic<int> locked{0};
  (void)image();
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&locked] {
      for (int j = 0; j < 3; ++j) {
        auto engine = EngineProcess::spawn(image(), launchWith("wait"));
        if (engine.ok() && listen(**engine, true).confinements.active(Confinement::kSeccomp)) ++locked;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(locked, 12);
  EXPECT_FALSE(isChildLeft());
}

TEST(EngineProcess, theEngineDiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    auto engine = EngineProcess::spawn(image(), launchWith("hang"));
    const pid_t pid = engine.ok() ? (*engine)->pid() : -1;
    if (engine.ok()) listen(**engine, true);
    (void)!::write(ends[1], &pid, sizeof(pid));
    ::kill(::getpid(), SIGKILL);
  }
  pid_t pid = -1;
  ASSERT_EQ(::read(ends[0], &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
  ASSERT_GT(pid, 0);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  const auto deadline = steady_clock::now() + std::chrono::seconds(5);
  std::string state = "?";
  while (steady_clock::now() < deadline) {
    state = statusField(pid, "State").substr(0, 1);
    if (state.empty() || state == "Z" || state == "X") break;
    std::this_thread::yield();
  }
  EXPECT_TRUE(state.empty() || state == "Z" || state == "X") << state;
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(EngineImage, unusableFilesAreNamedBeforeAnythingStarts) {
  auto absent = EngineImage::load({.node = "/nowhere/node", .addon = WEIR_PROBE, .launcher = WEIR_LAUNCHER});
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.error().message.find("/nowhere/node"), std::string::npos);
  auto notProgram = EngineImage::load({.node = WEIR_NODE, .addon = WEIR_LAUNCHER, .launcher = WEIR_LAUNCHER});
  EXPECT_FALSE(notProgram.ok());
  EXPECT_FALSE(EngineImage::load({.node = "node", .addon = WEIR_PROBE, .launcher = WEIR_LAUNCHER}).ok());
  EXPECT_FALSE(EngineImage::load({.node = "/dev/null", .addon = WEIR_PROBE, .launcher = WEIR_LAUNCHER}).ok());
}

// Runs `body` in a child process, as whoever `become` made it; its failures are this test's.
void inChild(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

bool put(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good();
}

// The engine's files in a folder of their own with these permissions, for users who cannot reach the build's.
class ImageCopy {
 public:
  explicit ImageCopy(mode_t mode) {
    char directory[] = "/tmp/weir-confinement-XXXXXX";
    if (::mkdtemp(directory) == nullptr || ::chmod(directory, mode) != 0) ADD_FAILURE() << std::strerror(errno);
    directory_ = directory;
    files_ = {.node = copy(WEIR_NODE, "/node", 0755),
              .addon = copy(WEIR_PROBE, "/probe.node", 0644),
              .launcher = copy(WEIR_LAUNCHER, "/launcher.cjs", 0644)};
  }
  ~ImageCopy() {
    for (const std::string& file : {files_.node, files_.addon, files_.launcher}) ::unlink(file.c_str());
    ::rmdir(directory_.c_str());
  }
  ImageCopy(const ImageCopy&) = delete;
  ImageCopy& operator=(const ImageCopy&) = delete;
  const EngineFiles& files() const { return files_; }

 private:
  std::string copy(const char* from, const std::string& name, mode_t mode) const {
    std::ifstream source(from, std::ios::binary);
    std::ofstream target(directory_ + name, std::ios::binary);
    target << source.rdbuf();
    target.close();
    ::chmod((directory_ + name).c_str(), mode);
    return directory_ + name;
  }
  std::string directory_;
  EngineFiles files_;
};

// What a chroot and most containers forbid, and the scenes below are made of.
bool userNamespacesAreThere() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = 1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

// Into a user namespace that allows no further ones, as `inside`, the only user there is.
void enterPlaceWithoutUserNamespaces(unsigned inside) {
  const std::string uid = std::to_string(inside) + " " + std::to_string(::geteuid()) + " 1";
  const std::string gid = std::to_string(inside) + " " + std::to_string(::getegid()) + " 1";
  ASSERT_EQ(::unshare(CLONE_NEWUSER), 0);
  ASSERT_TRUE(put("/proc/self/setgroups", "deny"));
  ASSERT_TRUE(put("/proc/self/gid_map", gid));
  ASSERT_TRUE(put("/proc/self/uid_map", uid));
  ASSERT_TRUE(put("/proc/sys/user/max_user_namespaces", "0"));
}

TEST(Confinement, rootInAContainerWithoutUserNamespacesGetsTheRest) {
  if (!userNamespacesAreThere())
    GTEST_SKIP() << "no user namespace to forbid further ones in: the other tests ran without";
  inChild([] {
    ASSERT_NO_FATAL_FAILURE(enterPlaceWithoutUserNamespaces(0));
    auto engine = start(image(), launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
    EXPECT_FALSE(run.confinements.active(Confinement::kUserNamespace));
    EXPECT_FALSE(run.confinements.active(Confinement::kUnprivilegedUser));  // there is no other user
    EXPECT_TRUE(run.confinements.active(Confinement::kPidNamespace));
    EXPECT_TRUE(run.confinements.active(Confinement::kMountNamespace));
    EXPECT_TRUE(run.confinements.active(Confinement::kNetNamespace));
    EXPECT_TRUE(run.confinements.active(Confinement::kCapabilities));
  });
}

// An older kernel, as far as this process and its children can tell.
void pretendTheKernelHasNo(std::initializer_list<const char*> calls) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  for (const char* name : calls) {
    ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(name), 0), 0) << name;
  }
  ASSERT_EQ(seccomp_load(context), 0);
  seccomp_release(context);
}

TEST(Confinement, withoutLandlockTheRootIsUnmountedAltogether) {
  inChild([] {
    ASSERT_NO_FATAL_FAILURE(pretendTheKernelHasNo({"landlock_create_ruleset"}));
    auto engine = start(image(), launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
    EXPECT_EQ(run.confinements.reason(Confinement::kLandlock), "the kernel has no Landlock");
    if (run.confinements.active(Confinement::kEmptyRoot)) {
      // Only the empty mount is left of what it was loaded from.
      const std::string mounts = readAll("/proc/" + std::to_string(engine->pid()) + "/mounts");
      EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 1) << mounts;
    }
  });
}

TEST(Confinement, withoutDetachedMountsTheEngineStartsInTheOldRoot) {
  const ImageCopy copy(0755);
  inChild([&] {
    ASSERT_NO_FATAL_FAILURE(pretendTheKernelHasNo({"open_tree", "mount_setattr", "close_range"}));
    auto loaded = EngineImage::load(copy.files());
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto engine = start(*loaded, launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
    EXPECT_FALSE(run.confinements.active(Confinement::kMountNamespace));
    EXPECT_FALSE(run.confinements.active(Confinement::kEmptyRoot));
  });
}

TEST(Confinement, anOrdinaryUserWithoutNamespacesGetsTheRest) {
  if (!userNamespacesAreThere())
    GTEST_SKIP() << "no user namespace to forbid further ones in: holdsWhenThePlatformIsAnOrdinaryUser ran without";
  inChild([] {
    ASSERT_NO_FATAL_FAILURE(enterPlaceWithoutUserNamespaces(1000));
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[2] = {};
    ASSERT_EQ(::syscall(SYS_capset, &header, none), 0);
    auto engine = start(image(), launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
    for (const auto confinement : {Confinement::kUserNamespace, Confinement::kPidNamespace,
                                   Confinement::kMountNamespace, Confinement::kNetNamespace, Confinement::kEmptyRoot}) {
      EXPECT_FALSE(run.confinements.active(confinement));
      EXPECT_NE(run.confinements.reason(confinement), "not reported");
    }
    EngineLaunch strict = launchWith("wait");
    strict.requireSandbox = true;
    auto refused = EngineProcess::spawn(image(), strict);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message.find("--require-sandbox: missing user-namespace (refused"), 0u)
        << refused.error().message;
  });
}

// The same attempts by a platform that is an ordinary user. Everything it needs is copied to where that user
// can read it.
TEST(Confinement, holdsWhenThePlatformIsAnOrdinaryUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "this is an ordinary user already: the other tests say it";
  const ImageCopy copy(0755);
  inChild([&] {
    constexpr unsigned kOrdinary = 64123;
    ASSERT_EQ(::syscall(SYS_setgroups, 0, nullptr), 0);
    ASSERT_EQ(::setresgid(kOrdinary, kOrdinary, kOrdinary), 0);
    ASSERT_EQ(::setresuid(kOrdinary, kOrdinary, kOrdinary), 0);
    // Which the change of user took away; without it /proc would not be ours to write the maps to.
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
    auto loaded = EngineImage::load(copy.files());
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto engine = start(*loaded, launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
  });
}

// A container engine's usual profile: root, and neither user namespaces nor mounts. With its files under a folder like
// /root, only root can run them; the rest is given up all the same.
TEST(Confinement, rootThatNobodyElseCanReachTheFilesOfStaysRootWithoutCapabilities) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to be the one who starts";
  const ImageCopy copy(0700);
  inChild([&] {
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)),
              0);
    ASSERT_EQ(seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open_tree), 0), 0);
    ASSERT_EQ(seccomp_load(context), 0);
    seccomp_release(context);
    auto loaded = EngineImage::load(copy.files());
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto engine = start(*loaded, launchWith("attempts"));
    ASSERT_NE(engine, nullptr);
    const ProbeRun run = listen(*engine);
    printMissing(run.confinements);
    expectAllRefusedAndAllWorking(run);
    EXPECT_FALSE(run.confinements.active(Confinement::kUserNamespace));
    EXPECT_FALSE(run.confinements.active(Confinement::kMountNamespace));
    EXPECT_FALSE(run.confinements.active(Confinement::kUnprivilegedUser));
    EXPECT_EQ(run.confinements.reason(Confinement::kUnprivilegedUser).find("the unprivileged user cannot reach"), 0u)
        << run.confinements.reason(Confinement::kUnprivilegedUser);
    EXPECT_TRUE(run.confinements.active(Confinement::kCapabilities));

    EngineLaunch strict = launchWith("wait");
    strict.requireSandbox = true;
    EXPECT_FALSE(EngineProcess::spawn(*loaded, strict).ok());
  });
}

}  // namespace
}  // namespace weir::security
