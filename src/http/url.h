// An http or https URL, split as a request needs it, and the reading of references to one (Location).
//
// Reads what browsers read (https://url.spec.whatwg.org), as far as a server meets it: characters that a URI must
// escape are escaped instead of refused. Left out: names that need IDNA, and numeric forms of IPv4 hosts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

// A value.
struct Url {
  bool https = false;
  std::string host;    // lower case; IPv6 without brackets
  uint16_t port = 80;  // the scheme's when it was not given
  std::string target;  // path and query; begins with '/'

  // Nullopt: not an absolute http(s) URL with a host. User information and fragment are dropped.
  static std::optional<Url> parse(std::string_view text);
  // What `reference` means on a page at this URL (RFC 3986 §5.2); nullopt as for parse.
  [[nodiscard]] std::optional<Url> resolve(std::string_view reference) const;

  // host, or host:port unless it is the scheme's; IPv6 in brackets.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string href() const;
  [[nodiscard]] bool sameOrigin(const Url& other) const {
    return https == other.https && port == other.port && host == other.host;
  }
  bool operator==(const Url&) const = default;
};

}  // namespace weir::http
