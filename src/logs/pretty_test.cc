#include "logs/pretty.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace weir::logs {
namespace {

observe::InvocationFinished sample() {
  observe::InvocationFinished fact;
  fact.outcome = wire::Outcome::kOk;
  fact.startedMs = 1'772'109'296'000;  // 2026-02-26T12:34:56Z
  fact.method = "GET";
  fact.url = "http://localhost:8787/";
  return fact;
}

std::string shown(const observe::InvocationFinished& fact, const PrettyOptions& options = {}) {
  std::string out;
  appendPretty(out, fact, options);
  return out;
}

TEST(Pretty, oneLineForAQuietRequest) {
  EXPECT_EQ(shown(sample()), "GET http://localhost:8787/ - Ok @ 2026-02-26 12:34:56\n");
  EXPECT_EQ(shown(sample(), {.colours = false, .utcOffsetSeconds = 3600}),
            "GET http://localhost:8787/ - Ok @ 2026-02-26 13:34:56\n");
}

TEST(Pretty, logsAndExceptionsFollowIndented) {
  observe::InvocationFinished fact = sample();
  fact.outcome = wire::Outcome::kException;
  const std::vector<observe::LogEntry> logs = {{0, wire::LogLevel::kLog, R"(["hello",{"answer":42},null,true])"},
                                               {0, wire::LogLevel::kWarn, "no array"}};
  const std::vector<observe::ExceptionEntry> exceptions = {{0, "", "boom", "at index.js:3:9\n    at b.js:1:1"}};
  fact.logs = logs;
  fact.exceptions = exceptions;
  fact.truncated = true;
  fact.failedOpen = true;
  EXPECT_EQ(shown(fact),
            "GET http://localhost:8787/ - Exception Thrown @ 2026-02-26 12:34:56\n"
            "  (log) hello {\"answer\":42} null true\n"
            "  (warn) no array\n"
            "  Error: boom\n"
            "    at index.js:3:9\n"
            "    at b.js:1:1\n"
            "  (failed open: the origin has answered)\n"
            "  (more was logged than is kept)\n");
}

TEST(Pretty, aScheduledEventNamesItsCron) {
  observe::InvocationFinished fact = sample();
  fact.kind = observe::EventKind::kScheduled;
  fact.cron = "* * * * *";
  EXPECT_EQ(shown(fact), "\"* * * * *\" @ 2026-02-26 12:34:56 - Ok\n");
}

TEST(Pretty, controlCharactersOfTenantsAreShownNotSent) {
  observe::InvocationFinished fact = sample();
  fact.url = "http://a/\x1b[2J\x7f\xc2\x9b\xff";
  const std::vector<observe::LogEntry> logs = {{0, wire::LogLevel::kLog, "[\"\\u001b[31m\\u009b\"]"}};
  fact.logs = logs;
  EXPECT_EQ(shown(fact),
            "GET http://a/^[[2J^?\xEF\xBF\xBD\xEF\xBF\xBD - Ok @ 2026-02-26 12:34:56\n  (log) ^[[31m\xEF\xBF\xBD\n");
}

TEST(Pretty, coloursComeOnlyWhenAskedFor) {
  EXPECT_EQ(shown(sample(), {.colours = true}),
            "GET http://localhost:8787/ - \x1b[32mOk\x1b[0m @ 2026-02-26 12:34:56\n");
}

TEST(Pretty, aTimeNoClockCanHaveSaidIsTheEpoch) {
  observe::InvocationFinished fact = sample();
  for (const double wrong : {-1.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    fact.startedMs = wrong;
    EXPECT_EQ(shown(fact), "GET http://localhost:8787/ - Ok @ 1970-01-01 00:00:00\n");
  }
}

TEST(Pretty, everyOutcomeHasAWord) {
  for (const wire::OutcomeFacts& facts : wire::kOutcomes) {
    EXPECT_EQ(outcomeWord(facts.outcome) == "Unknown", facts.outcome == wire::Outcome::kUnknown);
  }
}

TEST(PrettyPrinter, printsToItsDescriptorWithoutColoursWhenItIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  PrettyPrinter printer(ends[1], true, 0);
  printer.invocationFinished(0, sample());
  observe::VersionFailed failed;
  failed.script = "hello";
  failed.message = "SyntaxError: no\x1b";
  printer.versionFailed(0, failed);
  char text[512];
  const ssize_t size = ::read(ends[0], text, sizeof text);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(text, static_cast<size_t>(size)),
            "GET http://localhost:8787/ - Ok @ 2026-02-26 12:34:56\nhello does not start: SyntaxError: no^[\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace weir::logs
