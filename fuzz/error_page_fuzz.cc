// Error pages: what comes from a request changes the places where it is shown and nothing else, in every form.
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json_text.h"
#include "edge/error_page.h"
#include "input.h"
#include "target.h"

namespace {

using namespace weir;
using namespace weir::edge;
using fuzz::Input;

constexpr std::string_view kHost = "PLACE-OF-THE-HOST";
constexpr std::string_view kIp = "PLACE-OF-THE-ADDRESS";
constexpr PageForm kForms[] = {PageForm::kHtml, PageForm::kPlainText, PageForm::kJson, PageForm::kProblemJson,
                               PageForm::kMarkdown};

// Element content and attributes: no character that HTML gives a meaning, but for our own references.
void checkHtml(std::string_view shown) {
  CHECK(shown.find_first_of("<>\"'") == std::string_view::npos);
  for (size_t at = shown.find('&'); at != std::string_view::npos; at = shown.find('&', at + 1)) {
    const std::string_view from = shown.substr(at);
    bool known = false;
    for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
      known |= from.starts_with(entity);
    CHECK(known);
  }
}

// A JSON string's characters, which are a YAML double-quoted scalar's as well.
void checkQuoted(std::string_view shown) { CHECK(base::isJsonLine("\"" + std::string(shown) + "\"")); }

// Walks the page beside the one with placeholders: what is fixed is equal, what is shown instead of a placeholder
// passes `check`.
template <class Check>
void compare(std::string_view page, std::string_view plain, const Check& check) {
  for (;;) {
    const size_t place = std::min(plain.find(kHost), plain.find(kIp));
    const std::string_view fixed = plain.substr(0, place);
    CHECK(page.starts_with(fixed));
    if (place == std::string_view::npos) {
      CHECK(page.size() == fixed.size());
      return;
    }
    page.remove_prefix(fixed.size());
    plain.remove_prefix(place);
    plain.remove_prefix(plain.starts_with(kHost) ? kHost.size() : kIp.size());
    const std::string_view next = plain.substr(0, std::min({plain.find(kHost), plain.find(kIp), plain.size()}));
    // What follows a placeholder holds characters that no shown text may have raw, so its first place is the end.
    const size_t size = page.find(next);
    CHECK(!next.empty());
    CHECK(size != std::string_view::npos);
    check(page.substr(0, size));
    page.remove_prefix(size);
  }
}

void tryPage(Input& input) {
  const auto& codes = errorCodes();
  const uint16_t code = input.flag() ? codeOrGeneral(static_cast<uint16_t>(400 + input.upTo(110)))
                                     : codes[input.upTo(codes.size() - 1)].code;
  const PageForm form = kForms[input.upTo(4)];
  ErrorContext plain;
  plain.timeSeconds = input.number<int64_t>();
  plain.retryAfterSeconds = input.number<uint32_t>();
  plain.errorDocsUrl = input.flag() ? "https://docs.example/{code}" : "";
  plain.ray = "0123456789abcdef-WEI";
  ErrorContext hostile = plain;
  hostile.host = input.text();
  hostile.clientIp = input.text();
  if (!hostile.host.empty()) plain.host = kHost;
  if (!hostile.clientIp.empty()) plain.clientIp = kIp;
  const ErrorPage page = renderErrorPage(code, hostile, form);
  const ErrorPage model = renderErrorPage(code, plain, form);
  CHECK(page.status == model.status);
  CHECK(page.headers.size() == model.headers.size());
  for (size_t i = 0; i < page.headers.size(); ++i) CHECK(page.headers[i].value == model.headers[i].value);
  CHECK(base::wellFormedUtf8(page.body) == page.body);
  const bool html = form == PageForm::kHtml;
  compare(page.body, model.body, [&](std::string_view shown) { html ? checkHtml(shown) : checkQuoted(shown); });
  if (form == PageForm::kJson || form == PageForm::kProblemJson) {
    boost::system::error_code error;
    const auto parsed = boost::json::parse(page.body, error);
    CHECK(!error);
    CHECK(parsed.is_object());
  }
}

// A ray or a documentation address that is not clean is left out altogether.
void trySettings(Input& input) {
  ErrorContext context;
  context.ray = input.text();
  context.errorDocsUrl = input.text();
  for (const PageForm form : kForms) {
    const ErrorPage page = renderErrorPage(1101, context, form);
    for (const PageHeader& header : page.headers) {
      for (const char c : header.value) CHECK(c >= 0x20 && c < 0x7f);
    }
    CHECK(base::wellFormedUtf8(page.body) == page.body);
    if (form == PageForm::kJson) CHECK(base::isJson(page.body, base::JsonKind::kObject));
    if (form == PageForm::kHtml) {
      CHECK(page.body.find("<script") == std::string::npos);
      CHECK(page.body.find("javascript:") == std::string::npos);
    }
  }
}

void tryAccept(Input& input) {
  const std::string_view agent = input.text();
  const bool encodes = input.flag();
  const std::string_view accept = input.rest();
  const PageForm form = chooseForm(accept, agent, encodes);
  CHECK(form <= PageForm::kMarkdown);
  // What can be accepted at the lowest rank below changes nothing, once something was.
  const std::string more = std::string(accept) + ", */*;q=0";
  if (accept.find('"') == std::string_view::npos) CHECK(chooseForm(more, agent, encodes) == form);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 4) {
    case 0: trySettings(input); break;
    case 1: tryAccept(input); break;
    default: tryPage(input);
  }
  return 0;
}
