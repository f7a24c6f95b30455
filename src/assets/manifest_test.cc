#include "assets/manifest.h"

#include <gtest/gtest.h>

#include "assets/limits.h"

namespace weir::assets {
namespace {

constexpr std::string_view kHash = "0123456789abcdef0123456789abcdef";

std::string json(std::string_view path, std::string_view hash = kHash, std::string_view size = "5") {
  return R"({"manifest":{")" + std::string(path) + R"(":{"hash":")" + std::string(hash) + R"(","size":)" +
         std::string(size) + "}}}";
}

TEST(Manifest, listsFiles) {
  const auto manifest = parseManifest(
      R"({"manifest":{"/index.html":{"hash":"0123456789abcdef0123456789abcdef","size":12},
          "/a b/\u00fc%#.txt":{"hash":"ffffffffffffffffffffffffffffffff","size":0},
          "/copy.html":{"hash":"0123456789abcdef0123456789abcdef","size":12}},"more":1})",
      {});
  ASSERT_TRUE(manifest.ok()) << manifest.error().message;
  ASSERT_EQ(manifest->files.size(), 3u);
  EXPECT_EQ(manifest->files[0].path, "/index.html");
  EXPECT_EQ(textOf(manifest->files[0].hash), kHash);
  EXPECT_EQ(manifest->files[0].size, 12u);
  EXPECT_EQ(manifest->files[1].path, "/a b/\xc3\xbc%#.txt");
  EXPECT_EQ(manifest->bytes, 12u);
  EXPECT_TRUE(parseManifest(R"({"manifest":{}})", {}).ok());
}

TEST(Manifest, refusesWhatIsNoManifest) {
  using Kind = ManifestError::Kind;
  const std::pair<std::string, Kind> cases[] = {
      {"", Kind::kMalformed},
      {"[]", Kind::kMalformed},
      {"{}", Kind::kMalformed},
      {R"({"manifest":[]})", Kind::kMalformed},
      {R"({"manifest":{"/a":1}})", Kind::kBadHash},
      {R"({"manifest":{"/a":{"size":1}}})", Kind::kBadHash},
      {json("/a", "0123"), Kind::kBadHash},
      {json("/a", kHash, "-1"), Kind::kMalformed},
      {json("/a", kHash, "1.5"), Kind::kMalformed},
      {json("/a", kHash, "\"1\""), Kind::kMalformed},
      {json("/a", kHash, "26214401"), Kind::kFileTooLarge},
      {json("a"), Kind::kBadPath},
      {json("/"), Kind::kBadPath},
      {json("/../etc/passwd"), Kind::kBadPath},
      {json("/a/./b"), Kind::kBadPath},
      {json("/a//b"), Kind::kBadPath},
      {json("/a/"), Kind::kBadPath},
      {json("/a\\u0000b"), Kind::kBadPath},
      {json("/a\\nb"), Kind::kBadPath},
      {json("/a\\\\b"), Kind::kBadPath},
      {json("/" + std::string(Limits::kPathBytesMax, 'a')), Kind::kBadPath},
      {R"({"manifest":{"/a":{"hash":"0123456789abcdef0123456789abcdef","size":1},
           "/b":{"hash":"0123456789abcdef0123456789abcdef","size":2}}})",
       Kind::kMalformed},
      {std::string(100, '[') + std::string(100, ']'), Kind::kMalformed},
  };
  for (const auto& [text, kind] : cases) {
    const auto manifest = parseManifest(text, {});
    ASSERT_FALSE(manifest.ok()) << text;
    EXPECT_EQ(static_cast<int>(manifest.error().kind), static_cast<int>(kind)) << text;
    EXPECT_FALSE(manifest.error().message.empty());
    EXPECT_EQ(manifest.error().message.find('\0'), std::string::npos);
  }
}

TEST(Manifest, isBounded) {
  EXPECT_TRUE(parseManifest(json("/a"), {.filesMax = 1, .fileBytesMax = 5}).ok());
  const auto large = parseManifest(json("/a"), {.filesMax = 1, .fileBytesMax = 4});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().kind, ManifestError::Kind::kFileTooLarge);
  const auto many = parseManifest(json("/a"), {.filesMax = 0});
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().kind, ManifestError::Kind::kTooManyFiles);
}

}  // namespace
}  // namespace weir::assets
