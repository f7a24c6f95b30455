#include "edge/forwarding.h"

#include <algorithm>
#include <array>
#include <string>

#include "edge/loop_counter.h"

namespace weir::edge {

namespace {

// Set by the platform, or for a connection's two ends only.
constexpr std::array kReplaced = {"cdn-loop",          "cf-connecting-ip", "cf-ipcountry", "cf-ray",
                                  "cf-visitor",        "expect",           "host",         "x-forwarded-for",
                                  "x-forwarded-proto", "x-real-ip"};

bool isReplaced(std::string_view name) {
  return std::any_of(kReplaced.begin(), kReplaced.end(),
                     [&](const char* each) { return http::equalsIgnoreCase(name, each); });
}

// Fields that a Connection field names belong to the connection too (RFC 9110 §7.6.1).
class ConnectionFields {
 public:
  explicit ConnectionFields(const http::HeaderList& headers)
      : headers_(headers), any_(headers.find("connection").has_value()) {}
  // The loop counter is the platform's: whoever names it in Connection does not get rid of it.
  bool has(std::string_view name) const {
    return http::isHopByHop(name) ||
           (any_ && headers_.containsToken("connection", name) && !http::equalsIgnoreCase(name, kLoopCounterField));
  }

 private:
  const http::HeaderList& headers_;
  const bool any_;
};

std::string joined(const http::HeaderList& headers, std::string_view name, std::string_view last) {
  std::string all;
  for (const auto header : headers) {
    if (!http::equalsIgnoreCase(header.name, name) || header.value.empty()) continue;
    all.append(header.value).append(", ");
  }
  return all.append(last);
}

}  // namespace

size_t forwardingsIn(std::string_view cdnLoop) {
  size_t count = 0;
  for (;;) {
    const size_t comma = cdnLoop.find(',');
    std::string_view item = cdnLoop.substr(0, comma);
    item = item.substr(0, item.find(';'));  // parameters
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
    count += http::equalsIgnoreCase(item, kCdnName);
    if (comma == std::string_view::npos) return count;
    cdnLoop.remove_prefix(comma + 1);
  }
}

size_t forwardings(const http::HeaderList& headers) {
  size_t count = 0;
  for (const auto header : headers) {
    if (header.name.size() == kCdnLoopField.size() && http::equalsIgnoreCase(header.name, kCdnLoopField))
      count += forwardingsIn(header.value);
  }
  return count;
}

http::HeaderList forwardedRequest(const http::RequestHead& head, const ForwardedBy& by) {
  http::HeaderList out;
  const ConnectionFields connection(head.headers);
  out.add("Host", head.authority);
  for (const auto header : head.headers) {
    if (!isReplaced(header.name) && !connection.has(header.name)) out.add(header.name, header.value);
  }
  out.add("CDN-Loop", joined(head.headers, "cdn-loop", kCdnName));
  out.add("CF-Ray", by.ray);
  out.add("CF-Connecting-IP", by.clientIp);
  out.add("CF-IPCountry", "XX");
  out.add("CF-Visitor", by.tls ? R"({"scheme":"https"})" : R"({"scheme":"http"})");
  out.add("X-Forwarded-For", joined(head.headers, "x-forwarded-for", by.clientIp));
  out.add("X-Forwarded-Proto", by.tls ? "https" : "http");
  return out;
}

void signScriptRequest(http::HeaderList& headers, const ScriptRequestBy& by, Toward toward) {
  std::string client(toward == Toward::kOtherZone && !by.clientIp.empty() ? kOtherZoneClientIp : by.clientIp);
  if (toward == Toward::kOwnZone) {
    if (const auto said = headers.find("x-real-ip"); said && !said->empty()) client = *said;
  } else {
    headers.remove("x-real-ip");
  }
  if (toward == Toward::kOutside) headers.remove("cf-ipcountry");
  headers.set("CF-Worker", by.zone);
  headers.set("CF-Ray", by.ray);
  const std::string loop = joined(headers, "cdn-loop", kCdnName);
  headers.set("CDN-Loop", loop);
  if (client.empty()) headers.remove("cf-connecting-ip");
  else headers.set("CF-Connecting-IP", client);
}

void addressToOrigin(http::HeaderList& headers, std::string_view authority, bool https) {
  headers.set("Host", authority);
  headers.set("CF-IPCountry", "XX");
  headers.set("CF-Visitor", https ? R"({"scheme":"https"})" : R"({"scheme":"http"})");
  headers.set("X-Forwarded-Proto", https ? "https" : "http");
  const auto client = headers.find("cf-connecting-ip");
  if (!client) return;
  const std::string chain = joined(headers, "x-forwarded-for", *client);
  headers.set("X-Forwarded-For", chain);
}

bool isForged(const http::HeaderList& headers) {
  constexpr size_t kForwardedForBytesMax = 100;
  size_t chains = 0;
  bool forged = false;
  for (const auto header : headers) {
    switch (header.name.size()) {
      case 15:
        if (!http::equalsIgnoreCase(header.name, "x-forwarded-for")) break;
        forged |= ++chains > 1 || header.value.size() > kForwardedForBytesMax;
        break;
      case 16: forged |= http::equalsIgnoreCase(header.name, "cf-connecting-ip"); break;
      default: break;
    }
  }
  return forged && !headers.find(kLoopCounterField);
}

http::HeaderList forwardedResponse(const http::ResponseHead& head) {
  http::HeaderList out;
  const ConnectionFields connection(head.headers);
  for (const auto header : head.headers) {
    const bool accel = header.name.size() > 8 && http::equalsIgnoreCase(header.name.substr(0, 8), "x-accel-");
    if (!accel && !connection.has(header.name)) out.add(header.name, header.value);
  }
  return out;
}

}  // namespace weir::edge
