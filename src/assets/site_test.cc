#include "assets/site.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

Site siteOf(std::initializer_list<const char*> paths, std::string_view config = {}, bool navigation = false) {
  std::vector<File> files;
  uint8_t seed = 0;
  for (const char* path : paths) {
    File file;
    file.path = path;
    file.hash.fill(++seed);
    file.content = seed;
    file.size = 100;
    file.type = "text/html";
    files.push_back(file);
  }
  std::vector<std::string> problems;
  auto parsed = SiteConfig::parse(config, problems);
  EXPECT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_TRUE(problems.empty());
  return Site(std::move(*FileTable::decode(FileTable::encode(files))), std::move(*parsed), navigation);
}

struct Asked {
  std::string_view target;
  http::HeaderList headers = {};
  std::string_view method = "GET";
  SiteRequest request() const { return {method, false, "example.com:8787", target, headers}; }
};

// Status, then the file or where to.
std::string answered(const Site& site, const Asked& asked) {
  const SiteAnswer answer = site.answer(asked.request());
  std::string out = std::to_string(answer.status);
  if (answer.file) out += " " + std::string(answer.file->path);
  if (const auto location = answer.headers.find("location")) out += " to " + std::string(*location);
  return out;
}

constexpr std::string_view kFirstTag = "\"01010101010101010101010101010101\"";

TEST(Site, answersWithFiles) {
  const Site site = siteOf({"/index.html", "/a b/\xc3\xbc%#.txt", "/x.css"});
  const SiteAnswer answer = site.answer(Asked{"/?q=1"}.request());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.file->content, 1u);
  EXPECT_EQ(answer.to, 100u);
  EXPECT_FALSE(answer.headOnly);
  EXPECT_TRUE(answer.ofFile);
  EXPECT_FALSE(site.answer(Asked{"/missing"}.request()).ofFile);
  EXPECT_EQ(answer.headers.find("etag"), kFirstTag);
  EXPECT_EQ(answer.headers.find("content-type"), "text/html");
  EXPECT_EQ(answer.headers.find("cache-control"), "public, max-age=0, must-revalidate");
  EXPECT_TRUE(site.answer(Asked{"/", {}, "HEAD"}.request()).headOnly);
  EXPECT_EQ(answered(site, {"/a%20b/%C3%BC%25%23.txt"}), "200 /a b/\xc3\xbc%#.txt");
  EXPECT_EQ(answered(site, {"/missing"}), "404");
}

TEST(Site, hasOneSpellingOfEachPath) {
  const Site site = siteOf({"/index.html", "/[x].html", "/a/b.css"});
  EXPECT_EQ(answered(site, {"/[x]?q=1"}), "307 to /%5Bx%5D?q=1");
  EXPECT_EQ(answered(site, {"/%5Bx%5D"}), "200 /[x].html");
  EXPECT_EQ(answered(site, {"/[x].html"}), "307 to /%5Bx%5D");
  EXPECT_EQ(answered(site, {"//a//b.css"}), "307 to /a/b.css");
  EXPECT_EQ(answered(site, {"/%61/b.css"}), "307 to /a/b.css");
  EXPECT_EQ(answered(site, {"/a%2Fb.css"}), "307 to /a/b.css");
  EXPECT_EQ(answered(site, {"/index.html?q"}), "307 to /?q");
  EXPECT_EQ(answered(site, {"/x/../a/b.css"}), "200 /a/b.css");
}

TEST(Site, neverSendsToAnotherHost) {
  const Site site = siteOf({"/index.html", "/evil.example/index.html"});
  EXPECT_EQ(answered(site, {"//evil.example"}), "307 to /evil.example/");
  EXPECT_EQ(answered(site, {"/%2Fevil.example"}), "307 to /evil.example/");
  EXPECT_EQ(answered(site, {"/\\evil.example"}), "307 to /evil.example/");
}

TEST(Site, takesNoOtherMethods) {
  const Site site = siteOf({"/index.html"});
  EXPECT_EQ(answered(site, {"/", {}, "POST"}), "405");
  EXPECT_EQ(site.answer(Asked{"/", {}, "POST"}.request()).headers.find("allow"), "GET, HEAD");
  EXPECT_EQ(answered(site, {"/missing", {}, "POST"}), "404");
}

TEST(Site, saysThatAFileHasNotChanged) {
  const Site site = siteOf({"/index.html"});
  const std::string tag(kFirstTag);
  for (const std::string& given : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const SiteAnswer answer = site.answer(Asked{"/", {{"if-none-match", given}}}.request());
    EXPECT_EQ(answer.status, 304) << given;
    EXPECT_FALSE(answer.file);
    EXPECT_EQ(answer.headers.find("etag"), tag);
  }
  EXPECT_EQ(answered(site, {"/", {{"if-none-match", "\"other\""}}}), "200 /index.html");
}

TEST(Site, sendsParts) {
  const Site site = siteOf({"/index.html"});
  const SiteAnswer part = site.answer(Asked{"/", {{"range", "bytes=10-19"}}}.request());
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.from, 10u);
  EXPECT_EQ(part.to, 20u);
  EXPECT_EQ(part.headers.find("content-range"), "bytes 10-19/100");
  EXPECT_FALSE(part.headers.find("cache-control"));
  const SiteAnswer behind = site.answer(Asked{"/", {{"range", "bytes=100-"}}}.request());
  EXPECT_EQ(behind.status, 416);
  EXPECT_FALSE(behind.file);
  EXPECT_EQ(behind.headers.find("content-range"), "bytes */100");
  const std::string tag(kFirstTag);
  EXPECT_EQ(answered(site, {"/", {{"range", "bytes=0-1"}, {"if-range", tag}}}), "206 /index.html");
  EXPECT_EQ(answered(site, {"/", {{"range", "bytes=0-1"}, {"if-range", "\"x\""}}}), "200 /index.html");
  EXPECT_EQ(answered(site, {"/", {{"range", "bytes=0-1"}}, "HEAD"}), "200 /index.html");
}

TEST(Site, redirectsBeforeItLooksForFiles) {
  const Site site = siteOf({"/index.html", "/a.html", "/u/id.html"},
                           R"({"_redirects":"/a /b?own=1#f 301\n/old /new\n/out https://x.example/p#f 302\n)"
                           R"(/users/* /u/id 200\n/none /missing 200\n/s/* /t/:splat"})");
  EXPECT_EQ(answered(site, {"/a?q=1"}), "301 to /b?own=1#f");
  EXPECT_EQ(answered(site, {"/old?q=1"}), "302 to /new?q=1");
  EXPECT_EQ(answered(site, {"/out?q=1"}), "302 to https://x.example/p?q=1#f");
  EXPECT_EQ(answered(site, {"/users/7"}), "200 /u/id.html");
  EXPECT_EQ(answered(site, {"/none"}), "404");
  EXPECT_EQ(answered(site, {"/s/x%20y"}), "302 to /t/x%20y");
  EXPECT_EQ(answered(site, {"/old", {}, "POST"}), "302 to /new");
}

TEST(Site, addsHeadersToEveryAnswer) {
  const Site site = siteOf({"/index.html", "/404.html"},
                           R"({"_headers":"/*\n x-all: 1\n/gone\n x-gone: 1\nhttps://example.com/*\n x-host: 1",)"
                           R"("_redirects":"/r /","not_found_handling":"404-page"})");
  for (const auto* target : {"/", "/index.html", "/r", "/gone"}) {
    const SiteAnswer answer = site.answer(Asked{target}.request());
    EXPECT_EQ(answer.headers.find("x-all"), "1") << target;
    EXPECT_EQ(answer.headers.find("x-host"), "1") << target;  // whatever the port
  }
  EXPECT_EQ(site.answer(Asked{"/gone"}.request()).status, 404);
  EXPECT_EQ(site.answer(Asked{"/gone"}.request()).headers.find("x-gone"), "1");
}

TEST(Site, leavesToTheWorkerWhatIsNoAsset) {
  const auto forWorker = [](const Site& site, const Asked& asked) { return site.isForWorker(asked.request()); };
  const Site plain = siteOf({"/index.html", "/404.html"}, R"({"not_found_handling":"404-page","_redirects":"/r /"})");
  EXPECT_FALSE(forWorker(plain, {"/"}));
  EXPECT_FALSE(forWorker(plain, {"/", {}, "POST"}));  // 405: it is an asset's path
  EXPECT_FALSE(forWorker(plain, {"/index.html"}));
  EXPECT_FALSE(forWorker(plain, {"/r"}));
  EXPECT_TRUE(forWorker(plain, {"/api"}));
  EXPECT_TRUE(forWorker(plain, {"/api", {{"sec-fetch-mode", "navigate"}}}));
  const Site navigation = siteOf({"/index.html"}, R"({"not_found_handling":"single-page-application"})", true);
  EXPECT_FALSE(forWorker(navigation, {"/api", {{"sec-fetch-mode", "navigate"}}}));
  EXPECT_TRUE(forWorker(navigation, {"/api", {{"sec-fetch-mode", "cors"}}}));
  const Site first = siteOf({"/index.html"}, R"({"run_worker_first":true})");
  EXPECT_TRUE(forWorker(first, {"/"}));
  EXPECT_TRUE(forWorker(siteOf({"/index.html"}, R"({"serve_directly":false})"), {"/"}));
  const Site rules = siteOf({"/index.html", "/api/doc.html"}, R"({"run_worker_first":["/api/*","!/api/static/*"]})");
  EXPECT_TRUE(forWorker(rules, {"/api/doc"}));
  EXPECT_FALSE(forWorker(rules, {"/api/static/missing"}));
  EXPECT_TRUE(forWorker(rules, {"/missing"}));
  EXPECT_FALSE(forWorker(rules, {"/"}));
}

TEST(SiteConfig, saysWhatIsWrong) {
  std::vector<std::string> problems;
  for (const char* wrong : {"[]", "{", R"({"html_handling":"x"})", R"({"html_handling":1})",
                            R"({"not_found_handling":"x"})", R"({"run_worker_first":"x"})",
                            R"({"run_worker_first":[1]})", R"({"run_worker_first":[]})", R"({"_headers":1})"}) {
    const auto parsed = SiteConfig::parse(wrong, problems);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_FALSE(parsed.error().message.empty());
  }
  EXPECT_TRUE(problems.empty());
  EXPECT_TRUE(SiteConfig::parse(R"({"unknown":1,"html_handling":null})", problems).ok());
  EXPECT_TRUE(SiteConfig::parse(R"({"_redirects":"/a /b 9\n","_headers":"x\n"})", problems).ok());
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].substr(0, 15), "_redirects:1: V");
  EXPECT_EQ(problems[1].substr(0, 13), "_headers:1: E");
}

}  // namespace
}  // namespace weir::assets
