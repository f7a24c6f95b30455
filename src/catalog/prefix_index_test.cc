#include "catalog/prefix_index.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace weir::catalog {
namespace {

struct Entry {
  std::string text;
  int32_t parent = kNoPrefix;
};
constexpr auto kTextOf = [](const Entry& entry) { return std::string_view(entry.text); };

std::vector<Entry> indexOf(const std::set<std::string>& texts) {
  std::vector<Entry> entries;
  for (const auto& text : texts) entries.push_back({text});
  std::reverse(entries.begin(), entries.end());
  linkPrefixes(std::span(entries), kTextOf);
  return entries;
}

TEST(PrefixIndex, findsEveryBeginningFromTheLongestOn) {
  const auto entries = indexOf({"", "/", "/a", "/a/b", "/ab", "/b"});
  const auto all = [&](std::string_view key) {
    std::vector<std::string> found;
    for (int32_t at = findLongestPrefix(std::span<const Entry>(entries), key, kTextOf); at >= 0;
         at = entries[static_cast<size_t>(at)].parent) {
      found.push_back(entries[static_cast<size_t>(at)].text);
    }
    return found;
  };
  EXPECT_EQ(all("/a/b/c"), (std::vector<std::string>{"/a/b", "/a", "/", ""}));
  EXPECT_EQ(all("/abc"), (std::vector<std::string>{"/ab", "/a", "/", ""}));
  EXPECT_EQ(all("/a"), (std::vector<std::string>{"/a", "/", ""}));
  EXPECT_EQ(all("/c"), (std::vector<std::string>{"/", ""}));
  EXPECT_EQ(all("zzz"), (std::vector<std::string>{""}));
  EXPECT_EQ(all(""), (std::vector<std::string>{""}));
}

TEST(PrefixIndex, agreesWithLookingAtEveryText) {
  std::mt19937 random(7);
  int compared = 0;
  const auto word = [&](size_t sizeMax) {
    std::string text;
    for (size_t i = random() % (sizeMax + 1); i > 0; --i) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::set<std::string> texts;
    for (int i = 0; i < 12; ++i) texts.insert(word(6));
    const auto entries = indexOf(texts);
    for (int i = 0; i < 50; ++i) {
      const std::string key = word(9);
      std::vector<std::string> expected;
      for (const auto& text : texts) {
        if (key.starts_with(text)) expected.insert(expected.begin(), text);
      }
      std::vector<std::string> found;
      for (int32_t at = findLongestPrefix(std::span<const Entry>(entries), key, kTextOf); at >= 0;
           at = entries[static_cast<size_t>(at)].parent) {
        found.push_back(entries[static_cast<size_t>(at)].text);
      }
      ASSERT_EQ(found, expected) << key;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 10'000);
}

}  // namespace
}  // namespace weir::catalog
