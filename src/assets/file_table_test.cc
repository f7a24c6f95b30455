#include "assets/file_table.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

File file(std::string_view path, uint8_t seed, std::string_view type = "text/html") {
  File made;
  made.path = path;
  made.hash.fill(seed);
  made.content = uint64_t{seed} << 40;
  made.size = seed * 1000u;
  made.type = type;
  return made;
}

TEST(FileTable, findsWhatWasPutIn) {
  const auto table = FileTable::decode(FileTable::encode(
      {file("/z", 3), file("/a/b.css", 1, "text/css"), file("/a", 2, ""), file("/\xc3\xa9", 9), file("/a/b", 4)}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 5u);
  const auto found = table->find("/a/b.css");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, "/a/b.css");
  EXPECT_EQ(found->hash, file("", 1).hash);
  EXPECT_EQ(found->content, uint64_t{1} << 40);
  EXPECT_EQ(found->size, 1000u);
  EXPECT_EQ(found->type, "text/css");
  EXPECT_EQ(table->find("/a")->type, "");
  EXPECT_TRUE(table->find("/\xc3\xa9"));
  for (const char* path : {"", "/", "/a/", "/a/b.cs", "/a/b.css2", "/y", "/zz", "/Z"}) EXPECT_FALSE(table->find(path));
  EXPECT_EQ((*table)[0].path, "/a");
  EXPECT_EQ((*table)[4].path, "/\xc3\xa9");
}

TEST(FileTable, mayBeEmpty) {
  const auto table = FileTable::decode(FileTable::encode({}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 0u);
  EXPECT_FALSE(table->find("/"));
}

TEST(FileTable, takesNothingButWhatItMade) {
  const auto whole = FileTable::encode({file("/a", 1), file("/b", 2, "text/css")});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(FileTable::decode({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)})) << size;
  auto longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(FileTable::decode(longer));
  EXPECT_FALSE(FileTable::decode(FileTable::encode({file("/a", 1), file("/a", 2)})));
}

TEST(FileHash, isThirtyTwoDigits) {
  const std::string text = "0123456789abcdef0123456789abcdef";
  const auto hash = parseFileHash(text);
  ASSERT_TRUE(hash);
  EXPECT_EQ(textOf(*hash), text);
  for (const char* bad : {"", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
                          "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdeg"})
    EXPECT_FALSE(parseFileHash(bad)) << bad;
}

}  // namespace
}  // namespace weir::assets
