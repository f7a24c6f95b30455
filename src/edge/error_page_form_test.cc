#include "edge/error_page_form.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weir::edge {
namespace {

constexpr std::string_view kBrowser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36";

PageForm byAccept(std::string_view accept) { return chooseForm(accept, kBrowser, true); }

TEST(PageForm, acceptDecidesAsTheReferenceTableSays) {
  EXPECT_EQ(byAccept("application/json"), PageForm::kJson);
  EXPECT_EQ(byAccept("application/problem+json"), PageForm::kProblemJson);
  EXPECT_EQ(byAccept("application/json, text/markdown;q=0.9"), PageForm::kJson);
  EXPECT_EQ(byAccept("text/markdown"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("text/markdown, application/json"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("text/*"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("text/html"), PageForm::kHtml);
  EXPECT_EQ(byAccept("*/*"), PageForm::kHtml);
  EXPECT_EQ(byAccept(""), PageForm::kHtml);
}

TEST(PageForm, qualityBeatsOrderAndOrderBreaksTies) {
  EXPECT_EQ(byAccept("application/json;q=0.5, text/markdown;q=0.6"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("application/json;q=0.6, text/markdown;q=0.6"), PageForm::kJson);
  EXPECT_EQ(byAccept("text/html;q=0.9,application/problem+json"), PageForm::kProblemJson);
  EXPECT_EQ(byAccept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), PageForm::kHtml);
  EXPECT_EQ(byAccept("application/json, text/plain, */*"), PageForm::kJson);
  EXPECT_EQ(byAccept("application/json;q=0, text/markdown;q=0.001"), PageForm::kMarkdown);
}

TEST(PageForm, namesAreCaseInsensitiveAndParametersDoNotConfuse) {
  EXPECT_EQ(byAccept("Application/JSON ; charset=utf-8"), PageForm::kJson);
  EXPECT_EQ(byAccept("text/markdown;v=\"a,b;q=0\";q=0.9, application/json;Q=1.0"), PageForm::kJson);
  EXPECT_EQ(byAccept("text/markdown;v=\"a,b\", application/json;q=0.9"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("application/vnd.api+json"), PageForm::kJson);
  EXPECT_EQ(byAccept("application/*"), PageForm::kJson);
}

TEST(PageForm, malformedEntriesAreAsIfAbsent) {
  EXPECT_EQ(byAccept("json, ,;q=1,application/json;q=x, text/markdown;q=0.1"), PageForm::kMarkdown);
  EXPECT_EQ(byAccept("image/avif,image/webp"), PageForm::kHtml);
}

TEST(PageForm, programsWithoutCompressionGetPlainText) {
  EXPECT_EQ(chooseForm("*/*", "curl/8.5.0", false), PageForm::kPlainText);
  EXPECT_EQ(chooseForm("", "", false), PageForm::kPlainText);
  EXPECT_EQ(chooseForm("text/plain", "curl/8.5.0", true), PageForm::kPlainText);
  EXPECT_EQ(chooseForm("text/html;q=0, */*", kBrowser, true), PageForm::kPlainText);
}

TEST(PageForm, butNotWhoAsksForHtmlOffersCompressionOrIsABrowser) {
  EXPECT_EQ(chooseForm("text/html", "curl/8.5.0", false), PageForm::kHtml);
  EXPECT_EQ(chooseForm("*/*", "curl/8.5.0", true), PageForm::kHtml);
  EXPECT_EQ(chooseForm("*/*", kBrowser, false), PageForm::kHtml);
  EXPECT_EQ(chooseForm("application/json", "curl/8.5.0", false), PageForm::kJson);
}

TEST(PageForm, identityIsNoCompression) {
  for (const char* none : {"", "identity", " Identity ;q=1", "gzip;q=0", "identity, br;q=0.000", ",;,"})
    EXPECT_FALSE(offersCompression(none)) << none;
  for (const char* some : {"gzip", "identity, br", "*", "gzip;q=0.1", "deflate;q=x"})
    EXPECT_TRUE(offersCompression(some)) << some;
}

TEST(PageForm, anyBytesGiveAnAnswer) {
  std::mt19937 random(3);
  const std::string_view alphabet = "text/html*,;q=01.\"\\ json+\x80\xff";
  int answered = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string accept(random() % 60, ' ');
    for (char& c : accept) c = alphabet[random() % alphabet.size()];
    answered += static_cast<int>(chooseForm(accept, "x", random() % 2 == 0)) < 5 ? 1 : 0;
  }
  EXPECT_EQ(answered, 50'000);
}

}  // namespace
}  // namespace weir::edge
