#include "logs/trace_line.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/json_text.h"

namespace weir::logs {
namespace {

namespace json = boost::json;

std::string lineOf(const observe::InvocationFinished& fact) {
  const size_t bound = traceLineBytesMax(fact);
  EXPECT_LE(bound, kTraceLineBytesMax);
  const auto out = std::make_unique<char[]>(bound);
  const char* const end = writeTraceLine(out.get(), fact);
  EXPECT_LE(static_cast<size_t>(end - out.get()), bound);
  return std::string(out.get(), static_cast<size_t>(end - out.get()));
}

json::object traceOf(const observe::InvocationFinished& fact) {
  const std::string line = lineOf(fact);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  return json::parse(line).as_object();
}

observe::InvocationFinished sample() {
  observe::InvocationFinished fact;
  fact.ray = "0123456789abcdef-WEI";
  fact.script = "hello";
  fact.version = "6b1f-1";
  fact.outcome = wire::Outcome::kOk;
  fact.status = 200;
  fact.startedMs = 1'772'109'296'123.7;
  fact.cpuUs = 1'230;
  fact.wallUs = 45'000;
  fact.method = "GET";
  fact.url = "http://a.example/x?y=1";
  fact.requestHead = {"host\na.example\nAccept\n*/*\n"};
  return fact;
}

TEST(TraceLine, aRequestHasItsFields) {
  EXPECT_EQ(lineOf(sample()),
            R"({"event":{"request":{"url":"http://a.example/x?y=1","method":"GET","headers":{"host":"a.example",)"
            R"("accept":"*/*"}},"response":{"status":200}},"eventTimestamp":1772109296123,"logs":[],"exceptions":[],)"
            R"("diagnosticsChannelEvents":[],"scriptName":"hello","scriptVersion":{"id":"6b1f-1"},"outcome":"ok",)"
            R"("executionModel":"stateless","truncated":false,"cpuTime":1.23,"wallTime":45,"rayId":"0123456789abcdef"})"
            "\n");
}

TEST(TraceLine, aScheduledEventHasItsFields) {
  observe::InvocationFinished fact = sample();
  fact.kind = observe::EventKind::kScheduled;
  fact.cron = "*/5 * * * *";
  fact.scheduledMs = 1000;
  const json::object trace = traceOf(fact);
  EXPECT_EQ(json::serialize(trace.at("event")), R"({"scheduledTime":1000,"cron":"*/5 * * * *"})");
}

TEST(TraceLine, withoutAResponseThereIsNone) {
  observe::InvocationFinished fact = sample();
  fact.status = 0;
  fact.outcome = wire::Outcome::kCanceled;
  const json::object trace = traceOf(fact);
  EXPECT_FALSE(trace.at("event").as_object().contains("response"));
  EXPECT_EQ(trace.at("outcome").as_string(), "canceled");
}

TEST(TraceLine, everyOutcomeHasItsName) {
  size_t seen = 0;
  for (const wire::OutcomeFacts& facts : wire::kOutcomes) {
    observe::InvocationFinished fact = sample();
    fact.outcome = facts.outcome;
    EXPECT_EQ(traceOf(fact).at("outcome").as_string(), facts.name);
    ++seen;
  }
  EXPECT_EQ(seen, wire::kOutcomeCount);
}

TEST(TraceLine, secretsOfHeadersAndUrlsAreNotWritten) {
  observe::InvocationFinished fact = sample();
  fact.url = "http://a.example/?card=4111111111111111";
  fact.requestHead = {"Cookie\na=1\nX-Api-Key\nabc\naccept\n*/*\nAUTHORIZATION\nBearer x\n"};
  const json::object request = traceOf(fact).at("event").at("request").as_object();
  EXPECT_EQ(request.at("url").as_string(), "http://a.example/?card=REDACTED");
  EXPECT_EQ(json::serialize(request.at("headers")),
            R"({"cookie":"REDACTED","x-api-key":"REDACTED","accept":"*/*","authorization":"REDACTED"})");
}

TEST(TraceLine, equalNamesAreOneEntry) {
  observe::InvocationFinished fact = sample();
  fact.requestHead = {"x\n1\nhost\nh\nX\n2\ncookie\na\nCookie\nb\n"};
  EXPECT_EQ(json::serialize(traceOf(fact).at("event").at("request").at("headers")),
            R"({"cookie":"REDACTED","host":"h","x":"1, 2"})");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "h" + std::to_string(i % 150) + "\nv\n";
  fact.requestHead = {many};
  EXPECT_EQ(traceOf(fact).at("event").at("request").at("headers").as_object().size(), 150u);
}

TEST(TraceLine, logsKeepTheirArgumentsAndLevels) {
  observe::InvocationFinished fact = sample();
  const std::vector<observe::LogEntry> logs = {{1000.9, wire::LogLevel::kDebug, R"(["a",{"b":[1]}])"},
                                               {2000, wire::LogLevel::kError, "not json \xff"},
                                               {-1, static_cast<wire::LogLevel>(200), "[\n1]"}};
  fact.logs = logs;
  const json::array written = traceOf(fact).at("logs").as_array();
  ASSERT_EQ(written.size(), 3u);
  EXPECT_EQ(json::serialize(written[0]), R"({"timestamp":1000,"level":"debug","message":["a",{"b":[1]}]})");
  // What is no array of one line becomes the array's only string.
  EXPECT_EQ(json::serialize(written[1]),
            "{\"timestamp\":2000,\"level\":\"error\",\"message\":[\"not json \xEF\xBF\xBD\"]}");
  EXPECT_EQ(json::serialize(written[2]), R"({"timestamp":0,"level":"error","message":["[\n1]"]})");
}

TEST(TraceLine, exceptionsKeepNameMessageAndStack) {
  observe::InvocationFinished fact = sample();
  const std::vector<observe::ExceptionEntry> exceptions = {{1000, "TypeError", "no \"x\"", "at index.js:1:2"},
                                                           {2000, "", "thrown", ""}};
  fact.exceptions = exceptions;
  const json::array written = traceOf(fact).at("exceptions").as_array();
  ASSERT_EQ(written.size(), 2u);
  EXPECT_EQ(json::serialize(written[0]),
            R"({"timestamp":1000,"name":"TypeError","message":"no \"x\"","stack":"at index.js:1:2"})");
  EXPECT_EQ(json::serialize(written[1]), R"({"timestamp":2000,"name":"Error","message":"thrown"})");
}

TEST(TraceLine, beyondTheBoundLogsAreDroppedAndTheLineSaysSo) {
  observe::InvocationFinished fact = sample();
  const std::string big = "[\"" + std::string(100 * 1024, 'x') + "\"]";
  const std::vector<observe::LogEntry> logs(5, {1000, wire::LogLevel::kLog, big});
  fact.logs = logs;
  const json::object trace = traceOf(fact);
  const json::array& written = trace.at("logs").as_array();
  ASSERT_EQ(written.size(), 3u);  // two fit
  EXPECT_EQ(written[2].at("level").as_string(), "warn");
  EXPECT_TRUE(std::string_view(written[2].at("message").at(0).as_string())
                  .starts_with("Log size limit exceeded: More than 256KB"));
  EXPECT_TRUE(trace.at("truncated").as_bool());
}

TEST(TraceLine, beyondTheBoundExceptionsAreDroppedToo) {
  observe::InvocationFinished fact = sample();
  const std::string big(150 * 1024, 'x');
  const std::vector<observe::ExceptionEntry> exceptions(3, {1000, "Error", big, ""});
  fact.exceptions = exceptions;
  const json::object trace = traceOf(fact);
  const json::array& written = trace.at("exceptions").as_array();
  ASSERT_EQ(written.size(), 2u);
  EXPECT_EQ(written[1].at("message").as_string(), "Trace resource limit exceeded; subsequent exceptions not recorded.");
  EXPECT_TRUE(trace.at("truncated").as_bool());
}

TEST(TraceLine, anEventTooBigIsLeftOutAndTheRestKept) {
  observe::InvocationFinished fact = sample();
  const std::string url = "http://a.example/" + std::string(kTraceBytesMax, 'u');
  fact.url = url;
  const std::vector<observe::LogEntry> logs = {{1000, wire::LogLevel::kLog, "[1]"}};
  fact.logs = logs;
  const json::object trace = traceOf(fact);
  EXPECT_EQ(json::serialize(trace.at("event").at("request")), R"({"url":"","method":"GET","headers":{}})");
  ASSERT_EQ(trace.at("logs").as_array().size(), 2u);
  EXPECT_EQ(trace.at("logs").at(0).at("message").at(0).as_string(),
            "Trace resource limit exceeded; could not capture event info.");
  EXPECT_TRUE(trace.at("truncated").as_bool());
}

TEST(TraceLine, whatFailedOpenSaysSo) {
  observe::InvocationFinished fact = sample();
  EXPECT_FALSE(traceOf(fact).contains("failedOpen"));
  fact.failedOpen = true;
  EXPECT_TRUE(traceOf(fact).at("failedOpen").as_bool());
}

TEST(TraceLine, theLongestLineStaysWithinWhatCallersReserve) {
  observe::InvocationFinished fact = sample();
  const std::string worst(kTraceBytesMax - 4096, '\1');  // six bytes each
  fact.url = worst;
  const std::string name(100'000, '\1');
  fact.script = fact.version = fact.method = fact.ray = name;
  EXPECT_TRUE(base::isJsonLine(lineOf(fact).substr(0, lineOf(fact).size() - 1)));
}

}  // namespace
}  // namespace weir::logs
