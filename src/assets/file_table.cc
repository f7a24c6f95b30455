#include "assets/file_table.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/check.h"
#include "base/hex.h"

namespace weir::assets {

// Little-endian, nothing aligned:
//   "WAT1" · types: u16 · files: u32 · each type: u16 size, text · offset of each file: u32 ·
//   each file: u16 size of path, path, hash, u64 content, u64 size, u16 type
namespace {

constexpr std::string_view kMagic = "WAT1";
constexpr size_t kFileBytesBehindPath = 16 + 8 + 8 + 2;

template <class T>
void put(std::vector<std::byte>& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void putText(std::vector<std::byte>& out, std::string_view text) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), bytes, bytes + text.size());
}

template <class T>
T get(std::span<const std::byte> bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | (static_cast<T>(bytes[at + i]) << (8 * i)));
  return value;
}

}  // namespace

std::optional<FileHash> parseFileHash(std::string_view text) {
  FileHash hash;
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (size_t i = 0; i < hash.size(); ++i) {
    const int high = base::hexValue(text[2 * i]), low = base::hexValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<uint8_t>(high * 16 + low);
  }
  if (textOf(hash) != text) return std::nullopt;
  return hash;
}

std::string textOf(const FileHash& hash) { return base::hexOf(hash); }

std::vector<std::byte> FileTable::encode(std::vector<File> files) {
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  std::map<std::string_view, uint16_t> numbers;
  std::vector<std::string_view> types;
  for (const auto& file : files) {
    if (!numbers.emplace(file.type, static_cast<uint16_t>(types.size())).second) continue;
    CHECK(types.size() < UINT16_MAX);
    types.push_back(file.type);
  }
  std::vector<std::byte> out;
  putText(out, kMagic);
  put(out, static_cast<uint16_t>(types.size()));
  put(out, static_cast<uint32_t>(files.size()));
  for (const auto type : types) {
    put(out, static_cast<uint16_t>(type.size()));
    putText(out, type);
  }
  size_t at = out.size() + 4 * files.size();
  for (const auto& file : files) {
    CHECK(at <= UINT32_MAX);
    put(out, static_cast<uint32_t>(at));
    at += 2 + file.path.size() + kFileBytesBehindPath;
  }
  for (const auto& file : files) {
    CHECK(file.path.size() <= UINT16_MAX);
    put(out, static_cast<uint16_t>(file.path.size()));
    putText(out, file.path);
    const auto* const hash = reinterpret_cast<const std::byte*>(file.hash.data());
    out.insert(out.end(), hash, hash + file.hash.size());
    put(out, file.content);
    put(out, file.size);
    put(out, numbers.at(file.type));
  }
  return out;
}

std::optional<FileTable> FileTable::decode(std::vector<std::byte> bytes) {
  FileTable table;
  table.bytes_ = std::move(bytes);
  const std::span<const std::byte> all = table.bytes_;
  size_t at = kMagic.size();
  if (all.size() < at + 6 || std::memcmp(all.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  const auto types = get<uint16_t>(all, at);
  table.count_ = get<uint32_t>(all, at + 2);
  at += 6;
  for (size_t i = 0; i < types; ++i) {
    if (all.size() - at < 2) return std::nullopt;
    const auto size = get<uint16_t>(all, at);
    at += 2;
    if (all.size() - at < size) return std::nullopt;
    table.types_.emplace_back(static_cast<uint32_t>(at), size);
    at += size;
  }
  table.offsetsAt_ = at;
  if ((all.size() - at) / 4 < table.count_) return std::nullopt;
  at += 4 * table.count_;
  for (size_t i = 0; i < table.count_; ++i) {
    if (get<uint32_t>(all, table.offsetsAt_ + 4 * i) != at) return std::nullopt;
    if (all.size() - at < 2) return std::nullopt;
    const size_t size = 2 + get<uint16_t>(all, at) + kFileBytesBehindPath;
    if (all.size() - at < size) return std::nullopt;
    at += size;
    if (get<uint16_t>(all, at - 2) >= types) return std::nullopt;
    if (i > 0 && table.pathAt(i - 1) >= table.pathAt(i)) return std::nullopt;
  }
  if (at != all.size()) return std::nullopt;
  return table;
}

std::string_view FileTable::pathAt(size_t index) const {
  const size_t at = get<uint32_t>(bytes_, offsetsAt_ + 4 * index);
  return {reinterpret_cast<const char*>(bytes_.data()) + at + 2, get<uint16_t>(bytes_, at)};
}

File FileTable::operator[](size_t index) const {
  CHECK(index < count_);
  File file;
  file.path = pathAt(index);
  size_t at =
      static_cast<size_t>(reinterpret_cast<const std::byte*>(file.path.data()) - bytes_.data()) + file.path.size();
  std::memcpy(file.hash.data(), bytes_.data() + at, file.hash.size());
  at += file.hash.size();
  file.content = get<uint64_t>(bytes_, at);
  file.size = get<uint64_t>(bytes_, at + 8);
  const auto& type = types_[get<uint16_t>(bytes_, at + 16)];
  file.type = {reinterpret_cast<const char*>(bytes_.data()) + type.first, type.second};
  return file;
}

std::optional<File> FileTable::find(std::string_view path) const {
  size_t low = 0, high = count_;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = pathAt(middle).compare(path);
    if (order == 0) return (*this)[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return std::nullopt;
}

}  // namespace weir::assets
