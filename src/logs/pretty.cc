#include "logs/pretty.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/json_text.h"

namespace weir::logs {

namespace {

namespace json = boost::json;

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kBlue = "\x1b[34m";

// Well-formed UTF-8 without control characters, except line feeds and tabs; C0 and DEL as ^X, C1 as U+FFFD.
void appendShown(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    size_t size = base::utf8SequenceBytes(text);
    if (size == 0 || (byte == 0xC2 && static_cast<uint8_t>(text[1]) < 0xA0)) {
      out += "\xEF\xBF\xBD";
      size = size == 0 ? 1 : size;
    } else if (byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t')) {
      out += '^';
      out += static_cast<char>(byte ^ 0x40);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
}

void appendColoured(std::string& out, std::string_view text, std::string_view colour, const PrettyOptions& options) {
  if (options.colours) out += colour;
  appendShown(out, text);
  if (options.colours) out += kReset;
}

void appendTime(std::string& out, double ms, int utcOffsetSeconds) {
  if (!(ms >= 0 && ms < 253'402'300'800'000.0)) ms = 0;  // up to the year 9999
  const std::chrono::sys_seconds at{
      std::chrono::seconds(static_cast<int64_t>(std::floor(ms / 1000)) + utcOffsetSeconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  out += text;
}

// As a console shows arguments: strings bare, everything else as JSON, separated by spaces.
void appendArguments(std::string& out, std::string_view message) {
  json::error_code error;
  const json::value parsed = json::parse({message.data(), message.size()}, error);
  const json::array* arguments = error ? nullptr : parsed.if_array();
  if (arguments == nullptr) return appendShown(out, message);
  bool first = true;
  for (const json::value& argument : *arguments) {
    if (!first) out += ' ';
    first = false;
    if (const json::string* text = argument.if_string()) {
      appendShown(out, {text->data(), text->size()});
    } else {
      appendShown(out, json::serialize(argument));
    }
  }
}

std::string_view colourOf(wire::LogLevel level) {
  switch (level) {
    case wire::LogLevel::kDebug: return kDim;
    case wire::LogLevel::kInfo: return kBlue;
    case wire::LogLevel::kWarn: return kYellow;
    case wire::LogLevel::kError: return kRed;
    default: return {};
  }
}

constexpr std::string_view kLevels[] = {"debug", "info", "log", "warn", "error"};

}  // namespace

std::string_view outcomeWord(wire::Outcome outcome) {
  switch (outcome) {
    case wire::Outcome::kOk: return "Ok";
    case wire::Outcome::kException: return "Exception Thrown";
    case wire::Outcome::kExceededCpu: return "Exceeded CPU Limit";
    case wire::Outcome::kExceededMemory: return "Exceeded Memory Limit";
    case wire::Outcome::kExceededWallTime: return "Exceeded Wall Time Limit";
    case wire::Outcome::kCanceled: return "Canceled";
    case wire::Outcome::kResponseStreamDisconnected: return "Response Stream Disconnected";
    case wire::Outcome::kScriptNotFound: return "Script Not Found";
    case wire::Outcome::kKillSwitch: return "Stopped By Operator";
    case wire::Outcome::kLoadShed: return "Load Shed";
    case wire::Outcome::kDaemonDown:
    case wire::Outcome::kInternalError: return "Internal Error";
    case wire::Outcome::kAborted: return "Aborted";
    case wire::Outcome::kUnknown: break;
  }
  return "Unknown";
}

void appendPretty(std::string& out, const observe::InvocationFinished& fact, const PrettyOptions& options) {
  const bool fine = wire::factsOf(fact.outcome).chart.empty();
  const auto outcome = [&] { appendColoured(out, outcomeWord(fact.outcome), fine ? kGreen : kRed, options); };
  if (fact.kind == observe::EventKind::kScheduled) {
    out += '"';
    appendShown(out, fact.cron);
    out += "\" @ ";
    appendTime(out, fact.startedMs, options.utcOffsetSeconds);
    out += " - ";
    outcome();
  } else {
    if (fact.url.empty()) {
      out += "[missing request]";
    } else {
      appendShown(out, fact.method);
      out += ' ';
      appendShown(out, fact.url);
    }
    out += " - ";
    outcome();
    out += " @ ";
    appendTime(out, fact.startedMs, options.utcOffsetSeconds);
  }
  out += '\n';

  for (const observe::LogEntry& log : fact.logs) {
    const auto level = static_cast<size_t>(log.level);
    const std::string_view colour = colourOf(log.level);
    if (options.colours) out += colour;
    ((out += "  (") += level < std::size(kLevels) ? kLevels[level] : "log") += ") ";
    appendArguments(out, log.message);
    if (options.colours && !colour.empty()) out += kReset;
    out += '\n';
  }
  for (const observe::ExceptionEntry& exception : fact.exceptions) {
    std::string line(exception.name.empty() ? std::string_view("Error") : exception.name);
    (line += ": ") += exception.message;
    out += "  ";
    appendColoured(out, line, kRed, options);
    out += '\n';
    std::string_view stack = exception.stack;
    while (!stack.empty()) {
      const size_t end = std::min(stack.find('\n'), stack.size());
      const std::string_view frame = stack.substr(0, end);
      if (!frame.empty()) {
        out += frame.starts_with(' ') ? "" : "    ";
        appendColoured(out, frame, kDim, options);
        out += '\n';
      }
      stack.remove_prefix(std::min(end + 1, stack.size()));
    }
  }
  if (fact.failedOpen) out += "  (failed open: the origin has answered)\n";
  if (fact.truncated) out += "  (more was logged than is kept)\n";
}

void appendPretty(std::string& out, const observe::VersionFailed& fact, const PrettyOptions& options) {
  appendColoured(out, fact.script, {}, options);
  out += " does not start: ";
  appendColoured(out, fact.message, kRed, options);
  out += '\n';
}

PrettyPrinter::PrettyPrinter(int fd, bool coloursAllowed, int utcOffsetSeconds)
    : fd_(fd), options_{coloursAllowed && ::isatty(fd) == 1, utcOffsetSeconds} {}

void PrettyPrinter::invocationFinished(uint32_t, const observe::InvocationFinished& fact) {
  std::string text;
  appendPretty(text, fact, options_);
  print(text);
}

void PrettyPrinter::versionFailed(uint32_t, const observe::VersionFailed& fact) {
  std::string text;
  appendPretty(text, fact, options_);
  print(text);
}

void PrettyPrinter::print(const std::string& text) {
  const std::lock_guard lock(mutex_);
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody reads: nothing to tell
    done += static_cast<size_t>(n);
  }
}

}  // namespace weir::logs
