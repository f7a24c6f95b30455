// FileTable: the files of a version by path: a manifest as it is stored and as it is served from, in one buffer that is
// searched where it lies.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::assets {

// A file's name as its uploader made it, 32 hexadecimal digits: equal for equal content and type. Not a hash of the
// bytes that the platform could check, so it means something within one account only.
using FileHash = std::array<uint8_t, 16>;

std::optional<FileHash> parseFileHash(std::string_view text);  // lower case
std::string textOf(const FileHash& hash);

// Views borrow from the table.
struct File {
  std::string_view path;  // decoded, begins with '/'
  FileHash hash{};
  uint64_t content = 0;  // whoever keeps the bytes knows them by this; 0: not uploaded
  uint64_t size = 0;
  std::string_view type;  // Content-Type; empty: none is sent
};

class FileTable {
 public:
  // Paths are distinct.
  static std::vector<std::byte> encode(std::vector<File> files);
  // Takes what `encode` made; nullopt for anything else.
  static std::optional<FileTable> decode(std::vector<std::byte> bytes);

  size_t size() const { return count_; }
  File operator[](size_t index) const;  // by path, in order of bytes
  std::optional<File> find(std::string_view path) const;
  size_t memoryBytes() const { return bytes_.size() + types_.size() * sizeof(std::string_view); }

 private:
  FileTable() = default;
  std::string_view pathAt(size_t index) const;

  std::vector<std::byte> bytes_;
  size_t count_ = 0;
  size_t offsetsAt_ = 0;
  std::vector<std::pair<uint32_t, uint16_t>> types_;  // where in bytes_, and how long
};

}  // namespace weir::assets
