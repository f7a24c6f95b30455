#include "catalog/origin.h"

#include <arpa/inet.h>

#include <charconv>

#include "catalog/hostname.h"

namespace weir::catalog {

namespace {

Error bad(std::string_view text, std::string_view why) {
  return {Situation::kBadZone, "origin " + shown(text) + ": " + std::string(why)};
}

}  // namespace

Result<Origin> parseOrigin(std::string_view text) {
  const std::string_view whole = text;
  Origin origin;
  if (beginsWithScheme(text, "https://")) origin.https = true;
  else if (!beginsWithScheme(text, "http://")) return bad(whole, "write it as http://HOST:PORT or https://HOST:PORT");
  text.remove_prefix(origin.https ? 8 : 7);
  if (text.ends_with('/')) text.remove_suffix(1);
  // A NUL above all: what reads C strings would take what is before it for the whole.
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return bad(whole, "it holds a space or a control character");
  }
  if (text.find_first_of("/?#") != std::string_view::npos)
    return bad(whole, "an origin has no path; requests keep their own");
  if (text.find('@') != std::string_view::npos) return bad(whole, "an origin has no user and password");
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    in6_addr address{};
    if (end == std::string_view::npos) return bad(whole, "the bracket of the IPv6 address is not closed");
    origin.host = text.substr(1, end - 1);
    if (inet_pton(AF_INET6, origin.host.c_str(), &address) != 1)
      return bad(whole, "no IPv6 address stands in the brackets");
    text.remove_prefix(end + 1);
    if (!text.empty() && !text.starts_with(':')) return bad(whole, "after the bracket comes :PORT or nothing");
    if (text.starts_with(':')) port = text.substr(1);
    if (text == ":") return bad(whole, "the port is missing after the colon");
  } else {
    const size_t colon = text.find(':');
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return bad(whole, "the port is missing after the colon");
      text = text.substr(0, colon);
    }
    in_addr address{};
    origin.host = text;
    if (inet_pton(AF_INET, origin.host.c_str(), &address) != 1) {
      const auto host = normalizeHostname(text);
      if (!host) return bad(whole, "its host is neither a host name nor an IP address");
      origin.host = *host;
    }
  }
  origin.port = origin.https ? 443 : 80;
  if (!port.empty()) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65'535) {
      return bad(whole, "the port must be a number from 1 to 65535");
    }
    origin.port = static_cast<uint16_t>(number);
  }
  return origin;
}

std::string formatOrigin(const Origin& origin) {
  std::string text = origin.https ? "https://" : "http://";
  const bool bracketed = origin.host.find(':') != std::string::npos;
  text += bracketed ? "[" + origin.host + "]" : origin.host;
  if (origin.port != (origin.https ? 443 : 80)) text += ":" + std::to_string(origin.port);
  return text;
}

}  // namespace weir::catalog
