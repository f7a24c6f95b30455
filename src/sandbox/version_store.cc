#include "sandbox/version_store.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "wire/blob_hash.h"

namespace weir::sandbox {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr const char* kRecord = ".json";
constexpr const char* kImage = ".image";
constexpr const char* kUnfinished = ".new";
constexpr const char* kSeed = "hash-seed";
constexpr size_t kRecordBytesMax = 64u << 10;
constexpr size_t kKeyBytesMax = 128;
constexpr size_t kReasonBytesMax = 16u << 10;
constexpr const char* kSources[] = {"source", "codeCache", "snapshot"};

bool isKey(std::string_view text) {
  return !text.empty() && text.size() <= kKeyBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

base::Error systemError(const std::string& path) { return {path + ": " + std::strerror(errno)}; }

enum class Sync : uint8_t { kYes, kNo };

// Whole, on the disk, and under its name; or not there. Without `Sync` that holds but when the machine itself goes
// down.
base::Status writeWhole(const std::string& path, std::span<const std::byte> bytes, Sync sync) {
  const std::string unfinished = path + kUnfinished;
  const wire::Descriptor file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return systemError(unfinished);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const auto error = systemError(unfinished);
      ::unlink(unfinished.c_str());
      return error;
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  if ((sync == Sync::kYes && ::fsync(file.get()) != 0) || ::rename(unfinished.c_str(), path.c_str()) != 0) {
    const auto error = systemError(unfinished);
    ::unlink(unfinished.c_str());
    return error;
  }
  return base::Nothing{};
}

std::optional<std::string> readWhole(const std::string& path) {
  const wire::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text(kRecordBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t length = ::read(file.get(), text.data() + size, text.size() - size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return std::nullopt;
    if (length == 0) break;
    size += static_cast<size_t>(length);
  }
  if (size > kRecordBytesMax) return std::nullopt;
  text.resize(size);
  return text;
}

std::string hexOf(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// The member, when it is of that kind.
const json::string* stringOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_string();
}
std::optional<uint64_t> numberOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  json::error_code error;
  const auto number = value->to_number<uint64_t>(error);
  if (error) return std::nullopt;
  return number;
}

}  // namespace

base::Result<std::unique_ptr<VersionStore>> VersionStore::open(const std::string& directory, const std::string& engine,
                                                               VersionStoreLimits limits) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return base::Error{directory + ": " + error.message()};
  return std::unique_ptr<VersionStore>(new VersionStore(directory, engine, limits));
}

base::Result<uint64_t> VersionStore::hashSeed(const std::string& directory) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) return base::Error{directory + ": " + failed.message()};
  const std::string path = directory + "/" + kSeed;
  const auto known = readWhole(path);
  uint64_t seed = known && known->size() == 17 ? std::strtoull(known->c_str(), nullptr, 16) : 0;
  if (seed != 0) return seed;
  while (seed == 0) {
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) return base::Error{"the system has no randomness"};
    seed >>= 2;  // V8 takes no number for a flag that a signed one could not hold
  }
  const std::string text = hexOf(seed) + "\n";
  if (auto written = writeWhole(path, std::as_bytes(std::span(text)), Sync::kYes); !written.ok())
    return written.error();
  return seed;
}

std::optional<VersionRecord> VersionStore::read(const Key& key) const {
  const auto text = readWhole(pathOf(key, kRecord));
  if (!text) return std::nullopt;
  json::error_code error;
  const json::value parsed = json::parse(*text, error);
  const json::object* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* engine = stringOf(*object, "engine");
  const auto* from = stringOf(*object, "startsFrom");
  const auto* handlers = stringOf(*object, "handlers");
  const auto* reason = stringOf(*object, "reason");
  const auto startupUs = numberOf(*object, "startupUs");
  if (engine == nullptr || *engine != engine_ || from == nullptr || handlers == nullptr || reason == nullptr ||
      !startupUs) {
    return std::nullopt;
  }
  VersionRecord record;
  record.handlers = std::string(*handlers);
  record.startupUs = *startupUs;
  record.reason = std::string(*reason);
  const auto* source = std::find(std::begin(kSources), std::end(kSources), std::string_view(*from));
  if (source == std::end(kSources)) return std::nullopt;
  if (source == kSources) return record;
  const auto* hash = stringOf(*object, "imageHash");
  const auto bytes = numberOf(*object, "imageBytes");
  const auto mark = numberOf(*object, "hashMark");
  StoredImage image;
  image.path = pathOf(key, kImage);
  image.source = static_cast<wire::StartSource>(source - kSources);
  struct stat found {};
  if (hash == nullptr || hash->size() != 16 || !bytes || !mark || ::stat(image.path.c_str(), &found) != 0 ||
      static_cast<uint64_t>(found.st_size) != *bytes) {
    return std::nullopt;
  }
  image.hash = std::strtoull(hash->c_str(), nullptr, 16);
  image.hashMark = static_cast<uint32_t>(*mark);
  record.image = std::move(image);
  return record;
}

std::optional<VersionRecord> VersionStore::find(const Key& key) {
  if (!isKey(key)) return std::nullopt;
  auto record = read(key);
  if (record) ::utimensat(AT_FDCWD, pathOf(key, kRecord).c_str(), nullptr, 0);  // when it was last used
  return record;
}

base::Result<VersionRecord> VersionStore::put(const Key& key, const CheckedVersion& checked,
                                              const std::string& script) {
  CHECK(isKey(key));
  const std::lock_guard lock(mutex_);
  ++puts_;
  const auto image = checked.image.bytes();
  const bool hasImage = checked.source != wire::StartSource::kCompiled;
  const uint64_t hash = hasImage ? wire::blobHash(image) : 0;
  // The old record first: it must not stand beside a new image.
  ::unlink(pathOf(key, kRecord).c_str());
  if (hasImage) {
    if (auto written = writeWhole(pathOf(key, kImage), image, Sync::kYes); !written.ok()) return written.error();
  } else {
    ::unlink(pathOf(key, kImage).c_str());
  }
  json::object record;
  record["script"] = script;
  record["engine"] = engine_;
  record["startsFrom"] = kSources[static_cast<size_t>(checked.source)];
  record["reason"] = std::string_view(checked.reason).substr(0, kReasonBytesMax);
  record["handlers"] = checked.handlers;
  record["startupUs"] = checked.startupUs;
  record["imageBytes"] = image.size();
  record["imageHash"] = hexOf(hash);
  record["hashMark"] = checked.hashMark;
  const std::string text = json::serialize(record) + "\n";
  // A record that a power cut has torn is none, and the version is checked again.
  if (auto written = writeWhole(pathOf(key, kRecord), std::as_bytes(std::span(text)), Sync::kNo); !written.ok()) {
    return written.error();
  }
  auto kept = read(key);
  if (!kept) return base::Error{pathOf(key, kRecord) + ": what was written cannot be read back"};
  if (kept->image) kept->image->whole = true;
  return std::move(*kept);
}

bool VersionStore::takeSweepDue() {
  const std::lock_guard lock(mutex_);
  if (puts_ < limits_.putsPerSweep) return false;
  puts_ = 0;
  return true;
}

void VersionStore::sweep(std::set<Key> keep) {
  {
    const std::lock_guard lock(mutex_);
    keep_ = std::move(keep);
  }
  sweep();
}

void VersionStore::sweep() {
  const std::lock_guard lock(mutex_);
  struct Entry {
    Key key;
    uint64_t imageBytes;
    fs::file_time_type used;
  };
  std::vector<Entry> entries;
  std::vector<std::string> doomed;
  std::error_code error;
  for (auto file = fs::directory_iterator(directory_, error); !error && file != fs::directory_iterator();
       file.increment(error)) {
    const fs::path path = file->path();
    const Key key = path.stem().string();
    if (path.extension() == kRecord && isKey(key)) {
      if (read(key)) {
        std::error_code ignored;
        const auto bytes = fs::file_size(pathOf(key, kImage), ignored);
        entries.push_back({key, ignored ? 0 : bytes, fs::last_write_time(path, ignored)});
      } else {
        doomed.push_back(path.string());
      }
    } else if (path.extension() == kImage && isKey(key)) {
      if (!read(key)) doomed.push_back(path.string());
    } else if (path.extension() == kUnfinished) {
      doomed.push_back(path.string());
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.imageBytes;
  size_t count = entries.size();
  for (const Entry& entry : entries) {
    if (bytes <= limits_.imageBytesMax && count <= limits_.recordsMax) break;
    if (keep_.contains(entry.key)) continue;
    doomed.push_back(pathOf(entry.key, kRecord));
    doomed.push_back(pathOf(entry.key, kImage));
    bytes -= entry.imageBytes;
    --count;
  }
  for (const std::string& path : doomed) ::unlink(path.c_str());
}

}  // namespace weir::sandbox
