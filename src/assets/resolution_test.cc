#include "assets/resolution.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

FileTable tableOf(std::initializer_list<const char*> paths) {
  std::vector<File> files;
  uint8_t seed = 0;
  for (const char* path : paths) {
    File file;
    file.path = path;
    file.hash.fill(++seed);
    files.push_back(file);
  }
  auto table = FileTable::decode(FileTable::encode(files));
  EXPECT_TRUE(table);
  return std::move(*table);
}

std::string resolved(const FileTable& table, std::string_view path, HtmlHandling html,
                     NotFoundHandling notFound = NotFoundHandling::kNone) {
  const Resolution found = resolve(table, path, html, notFound);
  if (found.kind == Resolution::Kind::kNothing) return "nothing";
  if (found.kind == Resolution::Kind::kRedirect) return "to " + found.redirect;
  return std::string(found.file->path) + (found.status == 200 ? "" : " " + std::to_string(found.status));
}

struct Case {
  const char* path;
  const char* automatic;
  const char* forced;
  const char* dropped;
  const char* none;
};

TEST(Resolution, servesHtmlAtTheNameThatIsAskedFor) {
  // "both" is a page and a folder; "bin" a file without an ending beside a page of its name.
  const FileTable table = tableOf({"/index.html", "/file.html", "/folder/index.html", "/both.html", "/both/index.html",
                                   "/bin", "/bin.html", "/style.css", "/plain/index"});
  const Case cases[] = {
      // path             auto               force              drop               none
      {"/", "/index.html", "/index.html", "/index.html", "nothing"},
      {"/index", "to /", "to /", "to /", "nothing"},
      {"/index.html", "to /", "to /", "to /", "/index.html"},
      {"/file", "/file.html", "to /file/", "/file.html", "nothing"},
      {"/file/", "to /file", "/file.html", "to /file", "nothing"},
      {"/file.html", "to /file", "to /file/", "to /file", "/file.html"},
      {"/file/index", "to /file", "to /file/", "to /file", "nothing"},
      {"/file/index.html", "to /file", "to /file/", "to /file", "nothing"},
      {"/folder", "to /folder/", "to /folder/", "/folder/index.html", "nothing"},
      {"/folder/", "/folder/index.html", "/folder/index.html", "to /folder", "nothing"},
      {"/folder.html", "to /folder/", "to /folder/", "to /folder", "nothing"},
      {"/folder/index", "to /folder/", "to /folder/", "to /folder", "nothing"},
      {"/folder/index.html", "to /folder/", "to /folder/", "to /folder", "/folder/index.html"},
      {"/both", "/both.html", "to /both/", "/both.html", "nothing"},
      {"/both/", "/both/index.html", "/both/index.html", "to /both", "nothing"},
      {"/both.html", "to /both", "/both.html", "to /both", "/both.html"},
      {"/both/index", "to /both/", "to /both/", "to /both", "nothing"},
      {"/both/index.html", "to /both/", "to /both/", "/both/index.html", "/both/index.html"},
      {"/bin", "/bin", "/bin", "/bin", "/bin"},
      {"/bin.html", "/bin.html", "to /bin/", "/bin.html", "/bin.html"},
      {"/bin/", "nothing", "/bin.html", "nothing", "nothing"},
      {"/bin/index", "nothing", "to /bin/", "nothing", "nothing"},
      {"/style.css", "/style.css", "/style.css", "/style.css", "/style.css"},
      {"/style.css/", "nothing", "nothing", "nothing", "nothing"},
      {"/plain/index", "/plain/index", "/plain/index", "/plain/index", "/plain/index"},
      {"/gone", "nothing", "nothing", "nothing", "nothing"},
      {"/gone/index.html", "nothing", "nothing", "nothing", "nothing"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(resolved(table, one.path, HtmlHandling::kAutoTrailingSlash), one.automatic) << one.path;
    EXPECT_EQ(resolved(table, one.path, HtmlHandling::kForceTrailingSlash), one.forced) << one.path;
    EXPECT_EQ(resolved(table, one.path, HtmlHandling::kDropTrailingSlash), one.dropped) << one.path;
    EXPECT_EQ(resolved(table, one.path, HtmlHandling::kNone), one.none) << one.path;
  }
}

TEST(Resolution, everyRedirectEndsAtAFile) {
  const FileTable table = tableOf({"/index.html", "/a.html", "/a/index.html", "/a/b.html", "/b/index.html", "/b/index",
                                   "/c", "/c.html", "/d.html", "/d/index", "/404.html"});
  for (const auto html : {HtmlHandling::kAutoTrailingSlash, HtmlHandling::kForceTrailingSlash,
                          HtmlHandling::kDropTrailingSlash, HtmlHandling::kNone}) {
    for (const std::string stem : {"", "/a", "/b", "/c", "/d", "/e", "/a/b", "/index", "/b/index", "/404"}) {
      for (const char* ending : {"", "/", ".html", "/index", "/index.html", "/index/"}) {
        std::string path = stem + ending;
        Resolution found = resolve(table, path, html, NotFoundHandling::k404Page);
        if (found.kind != Resolution::Kind::kRedirect) continue;
        for (int i = 0; i < 2 && found.kind == Resolution::Kind::kRedirect; ++i) {
          path = found.redirect;
          found = resolve(table, path, html, NotFoundHandling::k404Page);
        }
        EXPECT_EQ(found.kind, Resolution::Kind::kFile) << stem << ending << " to " << path;
        EXPECT_EQ(found.status, 200) << stem << ending << " to " << path;
      }
    }
  }
}

TEST(Resolution, hasAnAnswerForWhatIsNotThere) {
  const FileTable table = tableOf({"/index.html", "/404.html", "/blog/404.html", "/blog/a.html"});
  const auto html = HtmlHandling::kAutoTrailingSlash;
  EXPECT_EQ(resolved(table, "/x", html, NotFoundHandling::kSinglePageApplication), "/index.html");
  EXPECT_EQ(resolved(table, "/x/y.js", html, NotFoundHandling::kSinglePageApplication), "/index.html");
  EXPECT_EQ(resolved(table, "/x", html, NotFoundHandling::k404Page), "/404.html 404");
  EXPECT_EQ(resolved(table, "/blog/x/y/z", html, NotFoundHandling::k404Page), "/blog/404.html 404");
  EXPECT_EQ(resolved(table, "/blog/", html, NotFoundHandling::k404Page), "/blog/404.html 404");
  EXPECT_EQ(resolved(table, "/blog", html, NotFoundHandling::k404Page), "/404.html 404");
  EXPECT_EQ(resolved(table, "/" + std::string(100'000, 'a'), html, NotFoundHandling::k404Page), "/404.html 404");
  EXPECT_EQ(resolved(table, "/x", html, NotFoundHandling::kNone), "nothing");
  const FileTable without = tableOf({"/a.html"});
  EXPECT_EQ(resolved(without, "/x", html, NotFoundHandling::kSinglePageApplication), "nothing");
  EXPECT_EQ(resolved(without, "/x", html, NotFoundHandling::k404Page), "nothing");
}

}  // namespace
}  // namespace weir::assets
