#include "logs/trace_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "base/json_text.h"
#include "logs/redaction.h"

namespace weir::logs {

namespace {

using observe::ExceptionEntry;
using observe::InvocationFinished;
using observe::LogEntry;

constexpr size_t kEntryBytes = 32;     // charged per log or exception on top of its text, so empty ones end too
constexpr size_t kNameBytesMax = 256;  // script, version, ray, cron
constexpr size_t kMethodBytesMax = 64;
constexpr size_t kFixedBytesMax = 4096;  // keys, numbers and the notices below
constexpr size_t kHeadersTracked = 48;   // more headers than this are sorted to find equal names

constexpr std::string_view kLogsFull =
    R"(["Log size limit exceeded: More than 256KB of data (across console.log statements, exception, request metadata )"
    R"(and headers) was logged during a single request. Subsequent data for this request will not be recorded in logs, )"
    R"(appear when tailing this Worker's logs, or in Tail Workers."])";
constexpr std::string_view kEventTooBig = R"(["Trace resource limit exceeded; could not capture event info."])";
constexpr std::string_view kExceptionsFull = "Trace resource limit exceeded; subsequent exceptions not recorded.";

// Lower case of a character that may stand in a header name and in JSON as it is; 0 for any other.
constexpr std::array<char, 256> kNameCharacters = [] {
  std::array<char, 256> table{};
  for (int c = 0x21; c < 0x7f; ++c) table[static_cast<size_t>(c)] = static_cast<char>(c);
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = static_cast<char>(c + 32);
  table['"'] = table['\\'] = 0;
  return table;
}();

template <size_t kSize>
inline char* put(char* out, const char (&literal)[kSize]) {
  std::memcpy(out, literal, kSize - 1);
  return out + kSize - 1;
}

inline char* putText(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

inline char* putNumber(char* out, uint64_t value) { return std::to_chars(out, out + 20, value).ptr; }

// Whole milliseconds. What no clock can have said, an engine's NaN for one, is 0.
inline char* putTimestamp(char* out, double ms) {
  return putNumber(out, ms >= 0 && ms < 1e16 ? static_cast<uint64_t>(ms) : 0);
}

// Microseconds as milliseconds with up to three decimals.
inline char* putMs(char* out, uint64_t us) {
  out = putNumber(out, us / 1000);
  const auto rest = static_cast<unsigned>(us % 1000);
  if (rest == 0) return out;
  *out++ = '.';
  *out++ = static_cast<char>('0' + rest / 100);
  if (rest % 100 != 0) *out++ = static_cast<char>('0' + rest / 10 % 10);
  if (rest % 10 != 0) *out++ = static_cast<char>('0' + rest % 10);
  return out;
}

// An array as given if it is one; any other text becomes the array's only string.
char* putMessage(char* out, std::string_view message) {
  if (base::isJsonLine(message, base::JsonKind::kArray)) return putText(out, message);
  *out++ = '[';
  out = base::writeJsonString(out, message);
  *out++ = ']';
  return out;
}

char* putUrl(char* out, std::string_view url) {
  *out++ = '"';
  size_t done = 0;
  for (;;) {
    const SecretRun run = findSecretRun(url, done);
    if (run.begin == std::string_view::npos) break;
    out = base::writeJsonCharacters(out, url.substr(done, run.begin - done));
    out = putText(out, kRedacted);
    done = run.end;
  }
  out = base::writeJsonCharacters(out, url.substr(done));
  *out++ = '"';
  return out;
}

// Cuts "name\nvalue\n" off the front of `rest`. Leniently: what is missing is empty.
struct Header {
  std::string_view name;
  std::string_view value;
};
Header takeHeader(std::string_view& rest) {
  const auto takeLine = [&] {
    const auto* end = static_cast<const char*>(std::memchr(rest.data(), '\n', rest.size()));
    const size_t size = end == nullptr ? rest.size() : static_cast<size_t>(end - rest.data());
    const std::string_view line = rest.substr(0, size);
    rest.remove_prefix(std::min(size + 1, rest.size()));
    return line;
  };
  const std::string_view name = takeLine();
  return {name, rest.empty() ? std::string_view{} : takeLine()};
}

// Tells names apart by both ends and the length; equal names have equal marks. Not for hostile input: equal marks of
// different names only cost the slow path.
inline uint64_t markOf(const char* name, size_t size) {
  uint64_t first = 0, last = 0;
  if (size >= 8) {
    std::memcpy(&first, name, 8);
    std::memcpy(&last, name + size - 8, 8);
  } else {
    std::memcpy(&first, name, size);
  }
  return (first * 0x9E3779B97F4A7C15u) ^ (last * 0xC2B2AE3D27D4EB4Fu) ^ size;
}

// For heads with equal names, odd names or very many: sorts, so the work stays n log n whatever the client sent.
char* putHeadersSorted(char* out, std::string_view block) {
  struct Named {
    std::string name;
    std::string_view value;
    size_t index;
  };
  std::vector<Named> all;
  while (!block.empty()) {
    const Header header = takeHeader(block);
    std::string name(header.name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    all.push_back({std::move(name), header.value, all.size()});
  }
  std::sort(all.begin(), all.end(), [](const Named& a, const Named& b) {
    const int order = a.name.compare(b.name);
    return order != 0 ? order < 0 : a.index < b.index;
  });
  for (size_t i = 0; i < all.size();) {
    if (i > 0) *out++ = ',';
    out = base::writeJsonString(out, all[i].name);
    out = put(out, ":\"");
    const bool secret = isSecretHeader(all[i].name);
    if (secret) out = putText(out, kRedacted);
    const size_t first = i;
    do {
      if (!secret) {
        if (i != first) out = put(out, ", ");
        out = base::writeJsonCharacters(out, all[i].value);
      }
      ++i;
    } while (i < all.size() && all[i].name == all[first].name);
    *out++ = '"';
  }
  return out;
}

char* putHeaders(char* out, std::string_view block) {
  char* const begin = out;
  std::string_view rest = block;
  std::array<uint64_t, kHeadersTracked> marks;
  size_t count = 0;
  while (!rest.empty()) {
    const Header header = takeHeader(rest);
    if (count == kHeadersTracked) return putHeadersSorted(begin, block);
    if (count > 0) *out++ = ',';
    *out++ = '"';
    char* const name = out;
    char odd = 1;
    for (const char c : header.name) {
      const char lowered = kNameCharacters[static_cast<uint8_t>(c)];
      *out++ = lowered;
      odd = static_cast<char>(odd & (lowered != 0));
    }
    const uint64_t mark = markOf(name, header.name.size());
    bool seen = odd == 0;
    for (size_t i = 0; i < count; ++i) seen |= marks[i] == mark;
    if (seen) [[unlikely]]
      return putHeadersSorted(begin, block);
    marks[count++] = mark;
    const bool secret = isSecretHeader({name, header.name.size()});
    out = put(out, "\":\"");
    out = secret ? putText(out, kRedacted) : base::writeJsonCharacters(out, header.value);
    *out++ = '"';
  }
  return out;
}

constexpr std::string_view kLevels[] = {"debug", "info", "log", "warn", "error"};

char* putLog(char* out, double timestampMs, wire::LogLevel level, std::string_view message, bool first) {
  if (!first) *out++ = ',';
  out = put(out, R"({"timestamp":)");
  out = putTimestamp(out, timestampMs);
  out = put(out, R"(,"level":")");
  out = putText(out, kLevels[std::min<size_t>(static_cast<size_t>(level), std::size(kLevels) - 1)]);
  out = put(out, R"(","message":)");
  out = putMessage(out, message);
  *out++ = '}';
  return out;
}

char* putException(char* out, const ExceptionEntry& exception, bool first) {
  if (!first) *out++ = ',';
  out = put(out, R"({"timestamp":)");
  out = putTimestamp(out, exception.timestampMs);
  out = put(out, R"(,"name":)");
  out = base::writeJsonString(out, exception.name.empty() ? "Error" : exception.name);
  out = put(out, R"(,"message":)");
  out = base::writeJsonString(out, exception.message);
  if (!exception.stack.empty()) {
    out = put(out, R"(,"stack":)");
    out = base::writeJsonString(out, exception.stack);
  }
  *out++ = '}';
  return out;
}

size_t eventBytes(const InvocationFinished& fact) { return fact.url.size() + fact.requestHead.text.size(); }
size_t bytesOf(const LogEntry& log) { return kEntryBytes + log.message.size(); }
size_t bytesOf(const ExceptionEntry& e) { return kEntryBytes + e.name.size() + e.message.size() + e.stack.size(); }

char* putEvent(char* out, const InvocationFinished& fact, bool fits) {
  if (fact.kind == observe::EventKind::kScheduled) {
    out = put(out, R"({"event":{"scheduledTime":)");
    out = putTimestamp(out, fact.scheduledMs);
    out = put(out, R"(,"cron":)");
    out = base::writeJsonString(out, fact.cron.substr(0, kNameBytesMax));
    return put(out, "}");
  }
  out = put(out, R"({"event":{"request":{"url":)");
  out = fits ? putUrl(out, fact.url) : put(out, R"("")");
  out = put(out, R"(,"method":)");
  out = base::writeJsonString(out, fact.method.substr(0, kMethodBytesMax));
  out = put(out, R"(,"headers":{)");
  if (fits) out = putHeaders(out, fact.requestHead.text);
  out = put(out, "}}");
  if (fact.status != 0) {
    out = put(out, R"(,"response":{"status":)");
    out = putNumber(out, fact.status);
    *out++ = '}';
  }
  return put(out, "}");
}

}  // namespace

size_t traceLineBytesMax(const InvocationFinished& fact) {
  size_t text = eventBytes(fact);
  for (const LogEntry& log : fact.logs) text += bytesOf(log);
  for (const ExceptionEntry& exception : fact.exceptions) text += bytesOf(exception);
  return std::min(text, kTraceBytesMax) * base::kJsonBytesPerByteMax + kFixedBytesMax +
         (4 * kNameBytesMax + kMethodBytesMax) * base::kJsonBytesPerByteMax;
}

static_assert(kTraceBytesMax * base::kJsonBytesPerByteMax + kFixedBytesMax +
                      (4 * kNameBytesMax + kMethodBytesMax) * base::kJsonBytesPerByteMax <=
                  kTraceLineBytesMax,
              "no line is longer than callers were told");

char* writeTraceLine(char* out, const InvocationFinished& fact) {
  bool truncated = fact.truncated;
  size_t used = eventBytes(fact);
  const bool eventFits = used <= kTraceBytesMax;
  if (!eventFits) used = 0;
  out = putEvent(out, fact, eventFits);
  out = put(out, R"(,"eventTimestamp":)");
  out = putTimestamp(out, fact.startedMs);

  out = put(out, R"(,"logs":[)");
  bool first = true;
  if (!eventFits) {
    out = putLog(out, fact.startedMs, wire::LogLevel::kWarn, kEventTooBig, first);
    first = false;
    truncated = true;
  }
  for (const LogEntry& log : fact.logs) {
    used += bytesOf(log);
    if (used > kTraceBytesMax) {
      out = putLog(out, log.timestampMs, wire::LogLevel::kWarn, kLogsFull, first);
      truncated = true;
      break;
    }
    out = putLog(out, log.timestampMs, log.level, log.message, first);
    first = false;
  }

  out = put(out, R"(],"exceptions":[)");
  first = true;
  for (const ExceptionEntry& exception : fact.exceptions) {
    used += bytesOf(exception);
    if (used > kTraceBytesMax) {
      out = putException(out, {exception.timestampMs, "Error", kExceptionsFull, {}}, first);
      truncated = true;
      break;
    }
    out = putException(out, exception, first);
    first = false;
  }

  out = put(out, R"(],"diagnosticsChannelEvents":[],"scriptName":)");
  out = base::writeJsonString(out, fact.script.substr(0, kNameBytesMax));
  out = put(out, R"(,"scriptVersion":{"id":)");
  out = base::writeJsonString(out, fact.version.substr(0, kNameBytesMax));
  out = put(out, R"(},"outcome":")");
  out = putText(out, wire::factsOf(fact.outcome).name);
  out = put(out, R"(","executionModel":"stateless","truncated":)");
  out = truncated ? put(out, "true") : put(out, "false");
  if (fact.failedOpen) out = put(out, R"(,"failedOpen":true)");
  out = put(out, R"(,"cpuTime":)");
  out = putMs(out, fact.cpuUs);
  out = put(out, R"(,"wallTime":)");
  out = putMs(out, fact.wallUs);
  if (!fact.ray.empty()) {
    out = put(out, R"(,"rayId":)");
    out = base::writeJsonString(out, fact.ray.substr(0, 16));
  }
  return put(out, "}\n");
}

}  // namespace weir::logs
