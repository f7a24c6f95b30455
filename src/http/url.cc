#include "http/url.h"

#include <algorithm>
#include <vector>

#include "base/hex.h"
#include "http/codec/field_syntax.h"
#include "http/header_list.h"

namespace weir::http {
namespace {

constexpr std::string_view kPathEscaped = "\"<>`{}^#?";
constexpr std::string_view kQueryEscaped = "\"<>'#";

bool isAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

void appendEscaped(std::string& out, std::string_view text, std::string_view escaped) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && escaped.find(c) == std::string_view::npos) {
      out.push_back(c);
    } else {
      base::appendPercentEncoded(out, byte);
    }
  }
}

// The length of a scheme and its colon at the start of `text`; 0: there is none.
size_t schemeSize(std::string_view text) {
  if (text.empty() || !isAlpha(text[0])) return 0;
  size_t at = 1;
  while (at < text.size() &&
         (isAlpha(text[at]) || isDigit(text[at]) || text[at] == '+' || text[at] == '-' || text[at] == '.'))
    ++at;
  return at < text.size() && text[at] == ':' ? at + 1 : 0;
}

bool isDot(std::string_view segment) { return segment == "." || equalsIgnoreCase(segment, "%2e"); }
bool isTwoDots(std::string_view segment) {
  return segment == ".." || equalsIgnoreCase(segment, ".%2e") || equalsIgnoreCase(segment, "%2e.") ||
         equalsIgnoreCase(segment, "%2e%2e");
}

// `path` begins with '/'. Escaped, without dot segments.
std::string normalPath(std::string_view path) {
  std::vector<std::string_view> kept;
  size_t from = 1;
  for (;;) {
    const size_t slash = std::min(path.find('/', from), path.size());
    const std::string_view segment = path.substr(from, slash - from);
    const bool last = slash == path.size();
    if (isTwoDots(segment)) {
      if (!kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else if (isDot(segment)) {
      if (last) kept.emplace_back();
    } else {
      kept.push_back(segment);
    }
    if (last) break;
    from = slash + 1;
  }
  std::string out;
  for (const auto segment : kept) {
    out.push_back('/');
    appendEscaped(out, segment, kPathEscaped);
  }
  return out.empty() ? "/" : out;
}

std::optional<std::string> readHost(std::string_view text) {
  std::string host;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? base::hexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? base::hexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    host.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  }
  if (!isAuthority(host) || (host[0] != '[' && host.find(':') != std::string::npos)) return std::nullopt;
  if (host[0] == '[') host = host.substr(1, host.size() - 2);
  return host;
}

// Authority, path and query of `rest` into `url`, whose scheme is set.
bool readFromAuthority(Url& url, std::string_view rest) {
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  authority.remove_prefix(authority.rfind('@') == std::string_view::npos ? 0 : authority.rfind('@') + 1);
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  url.port = url.https ? 443 : 80;
  if (colon != std::string_view::npos && colon + 1 < authority.size()) {
    const auto port = parseDecimal(authority.substr(colon + 1));
    if (!port || *port > 65535) return false;
    url.port = static_cast<uint16_t>(*port);
  }
  auto host = readHost(authority.substr(0, colon));
  if (!host) return false;
  url.host = std::move(*host);
  rest.remove_prefix(end);
  const size_t query = std::min(rest.find('?'), rest.size());
  url.target = query == 0 ? "/" : normalPath(rest.substr(0, query));
  if (query < rest.size()) {
    url.target.push_back('?');
    appendEscaped(url.target, rest.substr(query + 1), kQueryEscaped);
  }
  return true;
}

// Trimmed, without tabs and fragment; '\' reads as '/' before the query.
std::string prepare(std::string_view text) {
  const auto isEdge = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!text.empty() && isEdge(text.front())) text.remove_prefix(1);
  while (!text.empty() && isEdge(text.back())) text.remove_suffix(1);
  std::string out(text.substr(0, text.find('#')));
  std::erase_if(out, [](char c) { return c == '\t' || c == '\n' || c == '\r'; });
  const size_t query = std::min(out.find('?'), out.size());
  std::replace(out.begin(), out.begin() + static_cast<ptrdiff_t>(query), '\\', '/');
  return out;
}

std::optional<Url> read(std::string_view given, const Url* base) {
  const std::string text = prepare(given);
  std::string_view rest = text;
  Url url;
  if (const size_t scheme = schemeSize(rest)) {
    url.https = equalsIgnoreCase(rest.substr(0, scheme), "https:");
    if (!url.https && !equalsIgnoreCase(rest.substr(0, scheme), "http:")) return std::nullopt;
    rest.remove_prefix(scheme);
    // "http:path" is relative to a page of the same scheme.
    if (rest.starts_with("//") || base == nullptr || base->https != url.https) {
      while (rest.starts_with('/')) rest.remove_prefix(1);
      return readFromAuthority(url, rest) ? std::optional(url) : std::nullopt;
    }
  }
  if (base == nullptr) return std::nullopt;
  if (rest.starts_with("//")) {
    url.https = base->https;
    while (rest.starts_with('/')) rest.remove_prefix(1);
    return readFromAuthority(url, rest) ? std::optional(url) : std::nullopt;
  }
  url = *base;
  if (rest.empty()) return url;
  const std::string_view basePath = std::string_view(base->target).substr(0, base->target.find('?'));
  const size_t query = std::min(rest.find('?'), rest.size());
  if (query == 0) {
    url.target = basePath;
  } else if (rest[0] == '/') {
    url.target = normalPath(rest.substr(0, query));
  } else {
    url.target = normalPath(std::string(basePath.substr(0, basePath.rfind('/') + 1)).append(rest.substr(0, query)));
  }
  if (query < rest.size()) {
    url.target.push_back('?');
    appendEscaped(url.target, rest.substr(query + 1), kQueryEscaped);
  }
  return url;
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) { return read(text, nullptr); }

std::optional<Url> Url::resolve(std::string_view reference) const { return read(reference, this); }

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (https ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

std::string Url::href() const { return (https ? "https://" : "http://") + authority() + target; }

}  // namespace weir::http
