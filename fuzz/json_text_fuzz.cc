// JSON text and lines of output: any bytes become valid JSON, the validity check agrees with a parser, and lines do not
// depend on how the bytes arrive.
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json_text.h"
#include "input.h"
#include "sandbox/line_splitter.h"
#include "target.h"

namespace {

using namespace weir;
using fuzz::Input;

void tryString(std::string_view text) {
  const std::unique_ptr<char[]> out(new char[base::jsonStringBytesMax(text.size())]);
  char* const end = base::writeJsonString(out.get(), text);
  const std::string_view written(out.get(), static_cast<size_t>(end - out.get()));
  CHECK(written.size() <= base::jsonStringBytesMax(text.size()));
  CHECK(base::isJsonLine(written));
  std::string appended;
  base::appendJsonString(appended, text);
  CHECK(appended == written);
  boost::system::error_code error;
  const auto parsed = boost::json::parse({written.data(), written.size()}, error);
  CHECK(!error);
  const std::string clean = base::wellFormedUtf8(text);
  CHECK(parsed.as_string() == clean);
  CHECK(base::wellFormedUtf8(clean) == clean);
  size_t at = 0;
  while (at < clean.size()) {
    const size_t size = base::utf8SequenceBytes(std::string_view(clean).substr(at));
    CHECK(size >= 1 && size <= 4);
    at += size;
  }
}

void tryValidity(std::string_view text) {
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = base::kJsonDepthMax;
  const auto parsed = boost::json::parse({text.data(), text.size()}, error, {}, options);
  const bool valid = base::isJson(text);
  // Numbers that no double holds are JSON all the same; the parser need not take them.
  if (error && valid) CHECK(error == boost::json::error::exponent_overflow || error == boost::json::error::not_exact);
  if (!error) CHECK(valid);
  if (base::isJsonLine(text)) {
    CHECK(valid);
    CHECK(text.find_first_of("\r\n") == std::string_view::npos);
  }
  if (!error) {
    CHECK(base::isJson(text, base::JsonKind::kArray) == parsed.is_array());
    CHECK(base::isJson(text, base::JsonKind::kObject) == parsed.is_object());
  }
}

std::string linesOf(std::string_view text, size_t piece) {
  sandbox::LineSplitter splitter;
  std::string lines;
  const auto onLine = [&](std::string_view line) {
    CHECK(line.size() <= sandbox::LineSplitter::kLineBytesMax);
    for (const char c : line) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\t') && c != 0x7f);
    (lines += line) += '\n';
  };
  while (!text.empty()) {
    splitter.feed(text.substr(0, piece), onLine);
    text.remove_prefix(std::min(piece, text.size()));
  }
  splitter.finish(onLine);
  return lines + std::to_string(splitter.droppedBytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 3) {
    case 0: tryString(input.rest()); break;
    case 1: tryValidity(input.rest()); break;
    default: {
      const size_t piece = 1 + input.upTo(40);
      const std::string_view text = input.rest();
      CHECK(linesOf(text, piece) == linesOf(text, text.size() + 1));
    }
  }
  return 0;
}
