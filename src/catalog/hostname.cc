#include "catalog/hostname.h"

#include <algorithm>

namespace weir::catalog {

namespace {

constexpr size_t kLabelBytesMax = 63;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isLabel(std::string_view label) {
  if (label.empty() || label.size() > kLabelBytesMax || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || isDigit(c) || c == '-' || c == '_'; });
}

}  // namespace

std::optional<std::string> normalizeHostname(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kHostnameBytesMax) return std::nullopt;
  std::string host(text);
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::string_view rest = host;
  for (;;) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!isLabel(label)) return std::nullopt;
    if (dot == std::string_view::npos) {
      // What ends in a number is read as an IPv4 address by every URL parser.
      if (std::all_of(label.begin(), label.end(), isDigit) || label.starts_with("0x")) return std::nullopt;
      return host;
    }
    rest.remove_prefix(dot + 1);
  }
}

bool isInZone(std::string_view host, std::string_view zone) {
  if (host.size() == zone.size()) return host == zone;
  return host.size() > zone.size() && host.ends_with(zone) && host[host.size() - zone.size() - 1] == '.';
}

bool beginsWithScheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), text.begin(), [](char want, char c) {
           return want == (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
         });
}

bool isScriptName(std::string_view text) {
  if (text.empty() || text.size() > kLabelBytesMax || text.front() < 'a' || text.front() > 'z' || text.back() == '-')
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || isDigit(c) || c == '-'; });
}

}  // namespace weir::catalog
