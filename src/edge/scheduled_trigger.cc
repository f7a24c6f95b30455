#include "edge/scheduled_trigger.h"

#include <charconv>
#include <utility>

#include "base/hex.h"

namespace weir::edge {

namespace {

// application/x-www-form-urlencoded
std::string decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      result += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && base::hexValue(text[i + 1]) >= 0 &&
               base::hexValue(text[i + 2]) >= 0) {
      result += static_cast<char>(base::hexValue(text[i + 1]) * 16 + base::hexValue(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

std::optional<ScheduledTrigger::Query> ScheduledTrigger::parse(std::string_view target) {
  if (!target.starts_with(kPath)) return std::nullopt;
  target.remove_prefix(kPath.size());
  Query query;
  if (target.empty()) return query;
  if (target.front() != '?') return std::nullopt;
  target.remove_prefix(1);
  while (!target.empty()) {
    const size_t end = std::min(target.find('&'), target.size());
    const std::string_view pair = target.substr(0, end);
    target.remove_prefix(std::min(end + 1, target.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const std::string value = decoded(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{});
    if (name == "cron") {
      if (value.size() > wire::Bounds::kNameBytesMax) return std::nullopt;
      query.cron = value;
    } else if (name == "time") {
      uint64_t ms = 0;
      const auto [last, failure] = std::from_chars(value.data(), value.data() + value.size(), ms);
      if (failure != std::errc() || last != value.data() + value.size() || ms > 8'640'000'000'000'000)
        return std::nullopt;
      query.timeMs = static_cast<double>(ms);
    }
  }
  return query;
}

void ScheduledTrigger::answer(wire::Outcome outcome) {
  http::Exchange* const exchange = std::exchange(exchange_, nullptr);
  if (exchange == nullptr) return;
  const std::string body = std::string(wire::factsOf(outcome).name) + "\n";
  const uint16_t status = outcome == wire::Outcome::kOk ? 200 : 500;
  if (!exchange->respond(status, {{"content-type", "text/plain; charset=UTF-8"}}, body)) exchange->abort();
}

}  // namespace weir::edge
