#include "sandbox/profile_store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace weir::sandbox {

namespace fs = std::filesystem;

namespace {

constexpr size_t kNameBytesMax = 128;

// Letters, digits, '-' and '_': neither a dot nor a slash, so that a file's name says whose it is.
bool isPlainName(std::string_view name) {
  return name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

}  // namespace

std::string ProfileStore::pathOf(std::string_view owner, std::string_view script) const {
  if (script.empty() || !isPlainName(script) || !isPlainName(owner)) return {};
  const std::string beginning = owner.empty() ? std::string() : std::string(owner) + ".";
  return directory_ + "/" + beginning + std::string(script) + std::string(kEnding);
}

base::Status ProfileStore::put(std::string_view owner, std::string_view script, std::string_view profile) const {
  const std::string path = pathOf(owner, script);
  if (path.empty()) return base::Error{"a profile cannot have the name " + std::string(script)};
  std::error_code error;
  fs::create_directories(directory_, error);
  static std::atomic<uint64_t> unique{0};
  const std::string temporary = path + "." + std::to_string(unique.fetch_add(1)) + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(profile.data(), static_cast<std::streamsize>(profile.size()));
  file.close();
  if (file) fs::rename(temporary, path, error);
  if (!file || error) {
    fs::remove(temporary, error);
    return base::Error{"cannot write " + path};
  }
  sweep();
  return base::Nothing{};
}

std::optional<std::string> ProfileStore::find(std::string_view owner, std::string_view script) const {
  const std::string path = pathOf(owner, script);
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> ProfileStore::ownersOf(std::string_view script) const {
  std::vector<std::string> owners;
  const std::string own = std::string(script) + std::string(kEnding);
  std::error_code error;
  for (auto entry = fs::directory_iterator(directory_, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == own) owners.emplace_back();
    else if (name.ends_with("." + own)) owners.push_back(name.substr(0, name.size() - own.size() - 1));
  }
  std::sort(owners.begin(), owners.end());
  return owners;
}

void ProfileStore::sweep() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> all;
  std::error_code error;
  for (auto entry = fs::directory_iterator(directory_, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    all.emplace_back(entry->last_write_time(ignored), entry->path());
  }
  if (all.size() <= kProfilesMax) return;
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size() - kProfilesMax; ++i) fs::remove(all[i].second, error);
}

}  // namespace weir::sandbox
