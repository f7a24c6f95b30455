// multipart/form-data: whatever is read, written and read again is the same; every part's bytes lie in the body, in
// order, and hold no boundary line.
#include <algorithm>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/json_text.h"
#include "http/codec/field_syntax.h"
#include "http/multipart.h"
#include "input.h"
#include "target.h"

namespace {

using namespace weir;

void tryContentType(std::string_view text) {
  const auto boundary = http::multipartBoundary(text);
  if (!boundary.ok()) {
    CHECK(!boundary.error().message.empty());
    return;
  }
  CHECK(http::isMultipartForm(text));
  http::MultipartWriter writer(*boundary);
  const auto again = http::multipartBoundary(writer.contentType());
  CHECK(again.ok());
  CHECK(*again == *boundary);
}

void tryName(std::string_view name) {
  if (http::unfitPathReason(name) != nullptr) return;
  CHECK(!name.empty());
  CHECK(name.front() != '/');
  CHECK(name.find('\0') == std::string_view::npos);
  CHECK(name.find('\\') == std::string_view::npos);
  CHECK(base::wellFormedUtf8(name) == name);
  const std::string inside = "/" + std::string(name) + "/";
  CHECK(inside.find("/../") == std::string::npos);
  CHECK(inside.find("//") == std::string::npos);
}

void tryBody(std::string_view text) {
  // Copied, so that a read past the end is one.
  const std::unique_ptr<std::byte[]> copy(new std::byte[text.size()]);
  std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), copy.get());
  const std::span<const std::byte> body(copy.get(), text.size());
  const http::MultipartLimits limits{.partsMax = 8, .headBytesMax = 256, .nameBytesMax = 32};
  const auto parts = http::parseMultipart(body, "B", limits);
  if (!parts.ok()) {
    for (const char c : parts.error().message) CHECK(c >= 0x20 && c < 0x7f);
    return;
  }
  CHECK(parts->size() <= limits.partsMax);
  http::MultipartWriter writer("B");
  const std::byte* last = body.data();
  for (const http::MultipartPart& part : *parts) {
    CHECK(part.name.size() <= limits.nameBytesMax);
    CHECK(http::isFieldValue(part.contentType));
    CHECK(part.text().find("\r\n--B") == std::string_view::npos);
    if (!part.bytes.empty()) {
      CHECK(part.bytes.data() >= last);
      last = part.bytes.data() + part.bytes.size();
      CHECK(last <= body.data() + body.size());
    }
    CHECK(http::findPart(*parts, part.name)->name == part.name);
    tryName(part.name);
    writer.add(part.name, part.filename, part.contentType, part.text());
  }
  const std::string written = std::move(writer).finish();
  const auto again = http::parseMultipart(std::as_bytes(std::span(written)), "B");
  CHECK(again.ok());
  CHECK(again->size() == parts->size());
  for (size_t i = 0; i < parts->size(); ++i) {
    const http::MultipartPart& one = (*parts)[i];
    const http::MultipartPart& other = (*again)[i];
    // An escape that comes of decoding one is decoded again.
    if (one.name.find('%') == std::string::npos) CHECK(other.name == one.name);
    CHECK(other.filename.has_value() == one.filename.has_value());
    CHECK(other.contentType == one.contentType);
    CHECK(other.text() == one.text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 4) {
    case 0: tryContentType(input.rest()); break;
    case 1: tryName(input.rest()); break;
    default: tryBody(input.rest());
  }
  return 0;
}
