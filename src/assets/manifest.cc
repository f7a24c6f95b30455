#include "assets/manifest.h"

#include <boost/json.hpp>
#include <map>
#include <set>

#include "assets/limits.h"
#include "base/json_text.h"
#include "base/text.h"

namespace weir::assets {

namespace {

using Kind = ManifestError::Kind;

ManifestError malformed(std::string message) { return {Kind::kMalformed, std::move(message)}; }

std::string shown(std::string_view text) {
  return base::wellFormedUtf8(base::withoutControls(std::string(text.substr(0, 200))));
}

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

bool isFilePath(std::string_view path) {
  if (path.size() < 2 || path.size() > Limits::kPathBytesMax || path.front() != '/') return false;
  for (std::string_view rest = path; !rest.empty();) {
    const size_t size = base::utf8SequenceBytes(rest);
    if (size == 0) return false;
    const auto byte = static_cast<unsigned char>(rest.front());
    if (byte < 0x20 || byte == 0x7f || byte == '\\') return false;
    rest.remove_prefix(size);
  }
  for (std::string_view rest = path.substr(1);;) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

base::Result<Manifest, ManifestError> parseManifest(std::string_view json, const ManifestLimits& limits) {
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 4;
  boost::json::monotonic_resource memory;
  const auto root = boost::json::parse(json, error, &memory, options);
  if (error || !root.is_object()) return malformed("The body is not a JSON object with a manifest.");
  const auto* const listed = root.get_object().if_contains("manifest");
  if (listed == nullptr || !listed->is_object())
    return malformed("The body needs a manifest: an object of paths with hash and size.");
  const auto& files = listed->get_object();
  if (files.size() > limits.filesMax) {
    return ManifestError{Kind::kTooManyFiles, "The manifest lists " + std::to_string(files.size()) +
                                                  " files. A version may have " + std::to_string(limits.filesMax) +
                                                  "."};
  }
  Manifest manifest;
  manifest.files.reserve(files.size());
  std::map<FileHash, uint64_t> sizes;
  size_t pathBytes = 0;
  for (const auto& [key, value] : files) {
    const std::string_view path = key;
    if (!isFilePath(path)) {
      return ManifestError{Kind::kBadPath,
                           "\"" + shown(path) +
                               "\" cannot be the path of an asset: it begins with a slash, has at most " +
                               std::to_string(Limits::kPathBytesMax) +
                               " bytes, and no empty segment, dot segment, backslash or control character."};
    }
    pathBytes += path.size();
    const auto* const entry = value.if_object();
    const auto* const hashText = entry != nullptr ? entry->if_contains("hash") : nullptr;
    const auto* const sizeValue = entry != nullptr ? entry->if_contains("size") : nullptr;
    const auto hash = hashText != nullptr && hashText->is_string() ? parseFileHash(hashText->get_string())
                                                                   : std::optional<FileHash>();
    if (!hash)
      return ManifestError{Kind::kBadHash, shown(path) + ": hash must be 32 hexadecimal digits in lower case."};
    uint64_t size = 0;
    if (sizeValue != nullptr && sizeValue->is_int64() && sizeValue->get_int64() >= 0) {
      size = static_cast<uint64_t>(sizeValue->get_int64());
    } else {
      return malformed(shown(path) + ": size must be a number of bytes.");
    }
    if (size > limits.fileBytesMax) {
      return ManifestError{Kind::kFileTooLarge, shown(path) + " has " + std::to_string(size) +
                                                    " bytes. An asset may have " + mebibytes(limits.fileBytesMax) +
                                                    "."};
    }
    const auto [at, isNew] = sizes.emplace(*hash, size);
    if (!isNew && at->second != size) return malformed(shown(path) + ": the hash is listed with another size as well.");
    if (isNew) manifest.bytes += size;
    manifest.files.push_back({std::string(path), *hash, size});
  }
  if (pathBytes > Limits::kManifestPathsBytesMax) return malformed("The manifest's paths are too long altogether.");
  return manifest;
}

}  // namespace weir::assets
