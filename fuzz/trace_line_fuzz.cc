// The record of an invocation: whatever an engine and a client said, it is one line of valid JSON within its bound,
// shows no secret, and its readable form cannot steer a terminal.
#include <boost/json.hpp>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json_text.h"
#include "input.h"
#include "logs/pretty.h"
#include "logs/redaction.h"
#include "logs/trace_line.h"
#include "target.h"

namespace {

using namespace weir;
using fuzz::Input;

constexpr size_t kParsedBytesMax = 16 * 1024;  // a parser's opinion is asked up to here: it is slow
constexpr std::string_view kSecret = "S3CRET-7f1d-NEVER-WRITTEN";

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// The rule as the reference has it, the slow way.
bool isSecretName(const std::string& name) {
  if (name == "cookie" || name == "set-cookie") return true;
  for (const char* word : {"auth", "jwt", "key", "secret", "token"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

void checkShown(std::string_view text) {
  CHECK(base::wellFormedUtf8(text) == text);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    CHECK(byte >= 0x20 || byte == '\n' || byte == '\t');
    CHECK(byte != 0x7f);
    // C1 controls, U+0080 to U+009F.
    if (byte == 0xC2 && i + 1 < text.size()) CHECK(static_cast<uint8_t>(text[i + 1]) >= 0xA0);
  }
}

// Whether the secret stands where it is no header's value: mutations may well copy it there.
bool saysSecret(const observe::InvocationFinished& fact) {
  const auto says = [](std::string_view text) { return text.find("NEVER") != std::string_view::npos; };
  bool said = says(fact.url) || says(fact.script) || says(fact.version) || says(fact.method) || says(fact.cron) ||
              says(fact.ray);
  for (const auto& log : fact.logs) said |= says(log.message);
  for (const auto& exception : fact.exceptions)
    said |= says(exception.name) || says(exception.message) || says(exception.stack);
  std::string_view rest = fact.requestHead.text;
  while (!rest.empty()) {
    const auto take = [&] {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view taken = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      return taken;
    };
    const std::string_view name = take();
    const std::string_view value = take();
    said |= says(name) || (says(value) && !isSecretName(lowered(name)));
  }
  return said;
}

void tryTrace(Input& input) {
  observe::InvocationFinished fact;
  const uint8_t kind = input.byte();
  fact.kind = (kind & 7) == 7 ? observe::EventKind::kScheduled : observe::EventKind::kFetch;
  fact.truncated = (kind & 8) != 0;
  fact.outcome = wire::kOutcomes[input.upTo(std::size(wire::kOutcomes) - 1)].outcome;
  fact.status = input.number<uint16_t>();
  fact.startedMs = input.number<double>();
  fact.scheduledMs = input.number<double>();
  fact.cpuUs = input.number<uint64_t>();
  fact.wallUs = input.number<uint64_t>();
  fact.ray = input.text();
  fact.script = input.text();
  fact.version = input.text();
  fact.method = input.text();
  fact.url = input.text();
  fact.cron = input.text();
  // Headers as a client may send them; the values of secret ones are recognisable.
  std::string head;
  bool secrets = false;
  for (size_t count = input.upTo(60); count > 0 && !input.empty(); --count) {
    static constexpr std::string_view kNames[] = {"cookie", "Set-Cookie", "Authorization", "x-api-key", "X-SECRET-x",
                                                  "accept", "ACCEPT",     "tokenize",      "x-jwt"};
    const size_t choice = input.upTo(std::size(kNames));
    std::string name(choice < std::size(kNames) ? kNames[choice] : input.text());
    std::erase(name, '\n');
    const bool secret = isSecretName(lowered(name));
    secrets |= secret;
    std::string value(secret ? kSecret : input.text());
    std::erase(value, '\n');
    head += name + "\n" + value + "\n";
  }
  if (input.flag()) head += input.text();  // and not even in pairs
  fact.requestHead = {head};
  std::vector<observe::LogEntry> logs;
  std::vector<observe::ExceptionEntry> exceptions;
  // Some text again and again, to come to the bounds with small inputs.
  std::string big;
  if (input.byte() == 0xff) {
    const std::string_view piece = input.text();
    const size_t size = input.upTo(logs::kTraceBytesMax + 1000);
    while (!piece.empty() && big.size() < size) big += piece;
  }
  for (size_t count = input.upTo(12); count > 0; --count) {
    logs.push_back(
        {input.number<double>(), static_cast<wire::LogLevel>(input.byte()), input.flag() ? input.text() : big});
  }
  for (size_t count = input.upTo(4); count > 0; --count) {
    exceptions.push_back({input.number<double>(), input.text(), input.flag() ? input.text() : big, input.text()});
  }
  fact.logs = logs;
  fact.exceptions = exceptions;

  const size_t bound = logs::traceLineBytesMax(fact);
  CHECK(bound <= logs::kTraceLineBytesMax);
  const std::unique_ptr<char[]> out(new char[bound]);
  char* const end = logs::writeTraceLine(out.get(), fact);
  std::string_view line(out.get(), static_cast<size_t>(end - out.get()));
  CHECK(line.size() <= bound);
  CHECK(line.ends_with('\n'));
  line.remove_suffix(1);
  CHECK(line.find('\n') == std::string_view::npos);
  CHECK(base::isJsonLine(line, base::JsonKind::kObject));
  if (line.size() > kParsedBytesMax) return;  // the check above is enough for the few that are about bounds
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = 1024;
  const auto parsed = boost::json::parse({line.data(), line.size()}, error, {}, options);
  CHECK(!error);
  const auto& object = parsed.as_object();
  for (const char* key :
       {"event", "eventTimestamp", "logs", "exceptions", "scriptName", "outcome", "truncated", "cpuTime", "wallTime"}) {
    CHECK(object.contains(key));
  }
  if (fact.kind == observe::EventKind::kFetch) {
    for (const auto& header : object.at("event").at("request").at("headers").as_object()) {
      const std::string_view name(header.key().data(), header.key().size());
      if (isSecretName(lowered(name))) CHECK(header.value().as_string() == "REDACTED");
    }
  }
  CHECK(!secrets || saysSecret(fact) || line.find(kSecret) == std::string_view::npos);

  std::string shown;
  logs::appendPretty(shown, fact, {});
  checkShown(shown);
}

void tryUrl(std::string_view url) {
  const std::string redacted = logs::redactUrl(url);
  CHECK(redacted.size() <= url.size());
  CHECK(logs::findSecretRun(redacted).begin == std::string_view::npos);
  CHECK(logs::redactUrl(redacted) == redacted);
  // The rules of a run, by counting.
  for (size_t at = 0; at < url.size();) {
    const auto inRun = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '_' || c == '-';
    };
    size_t end = at;
    size_t digits = 0, upper = 0, lower = 0, hex = 0;
    while (end < url.size() && inRun(url[end])) {
      const char c = url[end++];
      digits += c >= '0' && c <= '9';
      upper += c >= 'A' && c <= 'Z';
      lower += c >= 'a' && c <= 'z';
      hex += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    const std::string_view run = url.substr(at, end - at);
    const bool token = run.size() >= 21 && digits >= 2 && upper >= 2 && lower >= 2;
    const bool hash = hex >= 32 && hex == digits + upper + lower;
    const bool secret = logs::isSecretRun(run);
    if (token || hash) CHECK(secret);
    if (secret && !token && !hash) CHECK(upper + lower == 0 && digits >= 13 && digits <= 19);
    at = end + 1;
  }
}

void tryHeaderName(std::string_view text) {
  const std::string name = lowered(text);
  CHECK(logs::isSecretHeader(name) == isSecretName(name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 8) {
    case 0: tryUrl(input.rest()); break;
    case 1: tryHeaderName(input.rest()); break;
    default: tryTrace(input);
  }
  return 0;
}
