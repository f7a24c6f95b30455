#include "assets/rules_text.h"

#include "base/hex.h"
#include "http/codec/field_syntax.h"
#include "http/url.h"

namespace weir::assets {

namespace {

constexpr std::string_view kScheme = "https://";

// A path with what may follow it, as a URL has it.
base::Result<std::string> spellPath(std::string_view text, const RuleUrlForm& form) {
  const size_t hash = text.find('#');
  const std::string_view fragment = hash == std::string_view::npos ? std::string_view() : text.substr(hash);
  const auto url = http::Url::parse("http://h" + std::string(text.substr(0, hash)));
  if (!url) return base::Error{"Error parsing URL segment " + std::string(text) + ". Skipping."};
  std::string out = url->target;
  if (!form.withQuery) out.resize(std::min(out.find('?'), out.size()));
  if (form.withFragment) {
    // As in a URL: what cannot stand there raw is encoded.
    for (const char c : fragment) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte > 0x20 && byte < 0x7f && std::string_view("\"<>`").find(c) == std::string_view::npos) {
        out.push_back(c);
      } else {
        base::appendPercentEncoded(out, byte);
      }
    }
  }
  return out;
}

}  // namespace

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view takeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

bool hasHost(std::string_view url) {
  if (!url.starts_with(kScheme)) return false;
  url.remove_prefix(kScheme.size());
  while (url.starts_with('/')) url.remove_prefix(1);
  return !url.empty();
}

base::Result<std::string> parseRuleUrl(std::string_view text, const RuleUrlForm& form) {
  if (hasHost(text)) {
    if (form.onlyPath)
      return base::Error{"Only relative URLs are allowed. Skipping absolute URL " + std::string(text) + "."};
    std::string_view rest = text.substr(kScheme.size());
    while (rest.starts_with('/')) rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view host = rest.substr(0, end);
    if (form.noPort) {
      const size_t colon = host.rfind(':');
      if (colon != std::string_view::npos && colon + 1 < host.size() && http::parseDecimal(host.substr(colon + 1)))
        return base::Error{"Specifying ports is not supported. Skipping absolute URL " + std::string(text) + "."};
    }
    auto path = spellPath(end == rest.size() ? std::string_view("/") : rest.substr(end), form);
    if (!path.ok()) return path;
    return std::string(kScheme) + std::string(host) + *path;
  }
  if (text.starts_with('/')) return spellPath(text, form);
  if (form.onlyPath) return spellPath("/" + std::string(text), form);
  return base::Error{
      "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with \"https://\")."};
}

}  // namespace weir::assets
