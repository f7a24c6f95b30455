#include "edge/routes.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

std::shared_ptr<const sandbox::RunnableVersion> versionOf(const std::string& script) {
  auto version = std::make_shared<sandbox::RunnableVersion>();
  version->script = script;
  return version;
}

Routes twoScripts() {
  Routes routes;
  for (const char* name : {"hello", "a-1"}) routes.byScript[name] = versionOf(name);
  return routes;
}

std::string scriptFor(const Routes& routes, std::string_view authority) {
  const auto version = routes.find(authority);
  return version ? version->script : "(none)";
}

TEST(Routes, aScriptAnswersUnderItsSubdomainOfEitherDomain) {
  const Routes routes = twoScripts();
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost"), "hello");
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost:8787"), "hello");
  EXPECT_EQ(scriptFor(routes, "a-1.local.workers.dev"), "a-1");
}

TEST(Routes, caseAndTheRootsDotMakeNoDifference) {
  const Routes routes = twoScripts();
  EXPECT_EQ(scriptFor(routes, "Hello.LOCAL.Workers.localhost:80"), "hello");
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost."), "hello");
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost.:8787"), "hello");
}

TEST(Routes, everyOtherNameHasNoVersion) {
  const Routes routes = twoScripts();
  const std::string_view others[] = {
      "",
      ":",
      ".",
      "hello",
      "hello.",
      "other.local.workers.localhost",
      "hello.other.workers.localhost",
      "x.hello.local.workers.localhost",
      "hello.local.workers.localhost.evil.example",
      "hello.localworkers.localhost",
      "hello.locall.workers.localhost",
      "hello..local.workers.localhost",
      ".local.workers.localhost",
      "local.workers.localhost",
      "hello.local.workers.localhost..",
      "127.0.0.1:8787",
      "[::1]:8787",
      std::string_view("hello\0.local.workers.localhost", 30),
  };
  for (const std::string_view authority : others) EXPECT_EQ(scriptFor(routes, authority), "(none)") << authority;
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost" + std::string(300, 'x')), "(none)");
  EXPECT_EQ(scriptFor(routes, std::string(100'000, '.')), "(none)");
}

TEST(Routes, anotherDomainReplacesTheDefaultOne) {
  Routes routes = twoScripts();
  routes.subdomain = "team";
  routes.workersDomain = "apps.example";
  EXPECT_EQ(scriptFor(routes, "hello.team.apps.example"), "hello");
  EXPECT_EQ(scriptFor(routes, "hello.team.workers.dev"), "hello");
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost"), "(none)");
}

TEST(Routes, oneScriptForEveryHostNeedsNoName) {
  Routes routes = twoScripts();
  routes.everyHost = versionOf("dev");
  EXPECT_EQ(scriptFor(routes, "anything:1"), "dev");
  EXPECT_EQ(scriptFor(routes, ""), "dev");
  EXPECT_EQ(scriptFor(routes, "hello.local.workers.localhost"), "dev");
}

}  // namespace
}  // namespace weir::edge
