#include "http/header_list.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

std::string print(const HeaderList& list) {
  std::string text;
  for (const Header header : list) text += std::string(header.name) + "=" + std::string(header.value) + ";";
  return text;
}

TEST(HeaderList, keepsOrderAndDuplicates) {
  const HeaderList list{{"B", "1"}, {"a", "2"}, {"b", "3"}};
  EXPECT_EQ(print(list), "B=1;a=2;b=3;");
  EXPECT_EQ(list.find("b"), "1");
  EXPECT_EQ(list.count("B"), 2u);
  EXPECT_EQ(list.find("c"), std::nullopt);
}

TEST(HeaderList, setReplacesInPlaceAndDropsTheOthers) {
  HeaderList list{{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}};
  list.set("a", "5");
  EXPECT_EQ(print(list), "A=5;B=2;C=4;");
  list.set("D", "6");
  list.remove("b");
  EXPECT_EQ(print(list), "A=5;C=4;D=6;");
}

TEST(HeaderList, addTakesViewsOfItself) {
  HeaderList list{{"Name", "value"}};
  for (int i = 0; i < 100; ++i) list.add(list[0].value, list[0].name);
  EXPECT_EQ(list[100].name, "value");
  EXPECT_EQ(list[100].value, "Name");
}

TEST(HeaderList, findsTokensInLists) {
  const HeaderList list{{"Connection", "keep-alive , Upgrade"}, {"connection", "x"}};
  EXPECT_TRUE(list.containsToken("Connection", "upgrade"));
  EXPECT_TRUE(list.containsToken("Connection", "X"));
  EXPECT_FALSE(list.containsToken("Connection", "up"));
}

}  // namespace
}  // namespace weir::http
