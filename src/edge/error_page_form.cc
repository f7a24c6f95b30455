#include "edge/error_page_form.h"

#include <optional>

namespace weir::edge {

namespace {

bool isSpace(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool sameWord(std::string_view a, std::string_view lowerB) {
  if (a.size() != lowerB.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lowerB[i]) return false;
  }
  return true;
}

bool endsWithWord(std::string_view a, std::string_view lowerB) {
  return a.size() > lowerB.size() && sameWord(a.substr(a.size() - lowerB.size()), lowerB);
}

// Cuts the text before the next `separator` outside quoted strings off the front of `rest`.
std::string_view takeUntil(std::string_view& rest, char separator) {
  bool quoted = false;
  size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && rest[i] == separator) {
      break;
    }
  }
  if (i >= rest.size()) {
    const std::string_view all = rest;
    rest = {};
    return all;
  }
  const std::string_view taken = rest.substr(0, i);
  rest.remove_prefix(i + 1);
  return taken;
}

// RFC 9110 §12.4.2: 0 to 1 with at most three decimals; here in thousandths. Further decimals are ignored.
std::optional<int> parseQuality(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int value = (text[0] - '0') * 1000;
  if (text.size() == 1) return value;
  if (text[1] != '.') return std::nullopt;
  int weight = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return std::nullopt;
    value += (c - '0') * weight;
    weight /= 10;
  }
  return value > 1000 ? 1000 : value;
}

struct MediaRange {
  std::string_view type;  // "text/html"
  int quality = 1000;     // thousandths; 0: not wanted
};

// Nullopt for an entry that is not a media range: it is as if it were not there.
std::optional<MediaRange> parseRange(std::string_view entry) {
  MediaRange range;
  range.type = trimmed(takeUntil(entry, ';'));
  if (range.type.find('/') == std::string_view::npos) return std::nullopt;
  while (!entry.empty()) {
    const std::string_view parameter = trimmed(takeUntil(entry, ';'));
    if (parameter.size() < 2 || lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    const auto quality = parseQuality(trimmed(parameter.substr(2)));
    if (!quality) return std::nullopt;
    range.quality = *quality;
    break;  // what follows q are extensions
  }
  return range;
}

enum class Wish : uint8_t { kNone, kAnything, kForm };

Wish wishOf(std::string_view type, PageForm& form) {
  if (sameWord(type, "*/*")) return Wish::kAnything;
  if (sameWord(type, "text/html") || sameWord(type, "application/xhtml+xml")) {
    form = PageForm::kHtml;
  } else if (sameWord(type, "application/problem+json")) {
    form = PageForm::kProblemJson;
  } else if (sameWord(type, "application/json") || sameWord(type, "application/*") || endsWithWord(type, "+json")) {
    form = PageForm::kJson;
  } else if (sameWord(type, "text/markdown") || sameWord(type, "text/*")) {
    form = PageForm::kMarkdown;
  } else if (sameWord(type, "text/plain")) {
    form = PageForm::kPlainText;
  } else {
    return Wish::kNone;
  }
  return Wish::kForm;
}

// Every browser since 1995 begins like this, and so do crawlers that want a browser's pages.
bool looksLikeBrowser(std::string_view userAgent) { return userAgent.starts_with("Mozilla/"); }

}  // namespace

PageForm chooseForm(std::string_view accept, std::string_view userAgent, bool offersCompression) {
  int best = 0;
  bool formNamed = false;
  bool htmlRefused = false;
  PageForm form = PageForm::kHtml;
  while (!accept.empty()) {
    const auto range = parseRange(takeUntil(accept, ','));
    if (!range) continue;
    PageForm wished = PageForm::kHtml;
    const Wish wish = wishOf(range->type, wished);
    if (wish == Wish::kNone) continue;
    if (range->quality == 0) {
      htmlRefused = htmlRefused || (wish == Wish::kForm && wished == PageForm::kHtml);
    } else if (range->quality > best) {
      best = range->quality;
      formNamed = wish == Wish::kForm;
      form = wished;
    }
  }
  if (formNamed) return form;
  if (htmlRefused || (!looksLikeBrowser(userAgent) && !offersCompression)) return PageForm::kPlainText;
  return PageForm::kHtml;
}

bool offersCompression(std::string_view acceptEncoding) {
  while (!acceptEncoding.empty()) {
    std::string_view entry = takeUntil(acceptEncoding, ',');
    const std::string_view coding = trimmed(takeUntil(entry, ';'));
    const std::string_view weight = trimmed(entry);
    const bool refused = weight.size() > 2 && lower(weight[0]) == 'q' && parseQuality(weight.substr(2)) == 0;
    if (!coding.empty() && !refused && !sameWord(coding, "identity")) return true;
  }
  return false;
}

}  // namespace weir::edge
