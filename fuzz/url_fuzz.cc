// URLs and references: whatever is read can be sent, printed and read again, and names the same place then.
#include <string>

#include "base/check.h"
#include "http/codec/field_syntax.h"
#include "http/url.h"
#include "input.h"
#include "target.h"

namespace {

using namespace weir;

void check(const http::Url& url) {
  CHECK(http::isAuthority(url.authority()));
  CHECK(http::isTarget(url.target));
  CHECK(url.target.front() == '/');
  CHECK(url.target.find('\\') == std::string::npos || url.target.find('\\') > url.target.find('?'));
  const auto again = http::Url::parse(url.href());
  CHECK(again.has_value());
  CHECK(*again == url);
  CHECK(again->sameOrigin(url));
  // Its own parts, as references on its own page.
  const auto byHref = url.resolve(url.href());
  CHECK(byHref.has_value());
  CHECK(*byHref == url);
  const auto byTarget = url.resolve(url.target.starts_with("//") ? "/." + url.target : url.target);
  CHECK(byTarget.has_value());
  CHECK(byTarget->sameOrigin(url));
  const auto same = url.resolve("");
  CHECK(same.has_value());
  CHECK(*same == url);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const std::string_view text = input.text();
  const std::string_view reference = input.rest();
  const auto url = http::Url::parse(text);
  if (!url) return 0;
  check(*url);
  const auto next = url->resolve(reference);
  if (!next) return 0;
  check(*next);
  // A URL that says everything means the same on any page.
  if (reference.starts_with("http://") || reference.starts_with("https://")) CHECK(next == http::Url::parse(reference));
  return 0;
}
