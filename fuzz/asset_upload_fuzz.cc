// What clients send to upload assets: manifests, tokens, base64, and what is kept of a manifest. What is taken is
// within its bounds and reads back the same; no token is signed by accident. Input: the kind, then the text.
#include <string>

#include "assets/base64.h"
#include "assets/file_table.h"
#include "assets/limits.h"
#include "assets/manifest.h"
#include "assets/path.h"
#include "assets/session_token.h"
#include "assets/site.h"
#include "base/check.h"
#include "target.h"

namespace {

using namespace weir::assets;

void tryManifest(std::string_view text) {
  const auto manifest = parseManifest(text, {.filesMax = 100, .fileBytesMax = 1'000'000});
  if (!manifest.ok()) {
    CHECK(!manifest.error().message.empty());
    return;
  }
  CHECK(manifest->files.size() <= 100);
  std::vector<File> files;
  for (const auto& entry : manifest->files) {
    CHECK(isFilePath(entry.path));
    CHECK(entry.size <= 1'000'000);
    // The path that the file is served at leads to it.
    CHECK(decodePath(urlPath(encodePath(entry.path))) == entry.path);
    File file;
    file.path = entry.path;
    file.hash = entry.hash;
    file.size = entry.size;
    files.push_back(file);
  }
  const auto table = FileTable::decode(FileTable::encode(files));
  CHECK(table.has_value());
  CHECK(table->size() == files.size());
  for (const auto& file : files) {
    const auto found = table->find(file.path);
    CHECK(found.has_value());
    CHECK(found->hash == file.hash);
    CHECK(found->size == file.size);
  }
}

void tryTable(std::string_view text) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
  const auto table = FileTable::decode({bytes, bytes + text.size()});
  if (!table) return;
  for (size_t i = 0; i < table->size(); ++i) {
    const auto found = table->find((*table)[i].path);
    CHECK(found.has_value());
    CHECK(found->hash == (*table)[i].hash);
  }
}

void tryToken(std::string_view text) {
  const std::vector<std::byte> key(32, std::byte{7});
  CHECK(!isSignedWith(text, key));
  const auto token = readUnverified(text);
  if (!token) return;
  const std::string again = signToken(*token, key);
  CHECK(isSignedWith(again, key));
  if (again.size() <= 4'096) CHECK(readUnverified(again) == token);
}

void tryConfig(std::string_view text) {
  std::vector<std::string> problems;
  const auto config = SiteConfig::parse(text, problems);
  if (!config.ok()) CHECK(!config.error().message.empty());
  CHECK(problems.size() <= 2 * Limits::kProblemsMax);
}

void tryBase64(std::string_view text) {
  const auto bytes = decodeBase64(text, 1'000);
  if (!bytes) return;
  CHECK(bytes->size() <= 1'000);
  std::string url = encodeBase64Url(*bytes);
  CHECK(decodeBase64Url(url, 1'000) == bytes);
  for (char& c : url) c = c == '-' ? '+' : c == '_' ? '/' : c;
  CHECK(decodeBase64(url, 1'000) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'm': tryManifest(text); break;
    case 'f': tryTable(text); break;
    case 't': tryToken(text); break;
    case 'c': tryConfig(text); break;
    default: tryBase64(text); break;
  }
  return 0;
}
