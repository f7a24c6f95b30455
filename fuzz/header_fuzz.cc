// Fields: what passes the syntax checks cannot break a message, and a list of headers behaves like the plain list of
// pairs it stands for.
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "edge/head_block.h"
#include "http/codec/field_syntax.h"
#include "http/content_coding.h"
#include "http/header_list.h"
#include "http/message.h"
#include "input.h"
#include "net/address.h"
#include "target.h"

namespace {

using namespace weir;
using fuzz::Input;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

void trySyntax(std::string_view text) {
  if (const auto field = http::parseFieldLine(text)) {
    CHECK(http::isToken(field->name));
    CHECK(http::isFieldValue(field->value));
    CHECK(field->name.find_first_of(std::string_view("\r\n\0: \t", 6)) == std::string_view::npos);
    CHECK(field->value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    CHECK(field->value.empty() || (field->value.front() != ' ' && field->value.back() != '\t'));
    const std::string printed = std::string(field->name) + ": " + std::string(field->value);
    const auto again = http::parseFieldLine(printed);
    CHECK(again.has_value());
    CHECK(again->name == field->name);
    CHECK(again->value == field->value);
  }
  if (http::acceptedCoding(text) != http::ContentCoding::kIdentity)
    CHECK(text.find('*') != std::string_view::npos || text.find_first_of("rR") != std::string_view::npos ||
          text.find_first_of("zZ") != std::string_view::npos);
  (void)http::isCompressible(text);
  if (const auto number = http::parseDecimal(text)) {
    const size_t digits = text.find_first_not_of('0');
    CHECK(std::to_string(*number) == (digits == std::string_view::npos ? "0" : text.substr(digits)));
    CHECK(*number <= INT64_MAX);
  }
  if (http::isTarget(text)) CHECK(text.find_first_of(std::string_view(" #\r\n\0\t", 6)) == std::string_view::npos);
  if (http::isAuthority(text)) {
    CHECK(text.find_first_of("@/?#, %\\") == std::string_view::npos);
    const auto parts = net::parseHostPort(text);
    CHECK(parts.has_value());
    CHECK(parts->host.find_first_of("[]") == std::string::npos);
  }
  if (const auto address = net::Address::parse(text); address.ok()) {
    const auto again = net::Address::parse(address->format());
    CHECK(again.ok());
    CHECK(again->format() == address->format());
    CHECK(again->scope() == address->scope());
  }
}

void tryList(Input& input) {
  http::HeaderList list;
  std::vector<std::pair<std::string, std::string>> model;
  const auto name = [&]() -> std::string_view {
    static constexpr std::string_view kNames[] = {"accept", "Accept", "content-length", "Connection", "x", "X", ""};
    const size_t at = input.upTo(std::size(kNames));
    return at < std::size(kNames) ? kNames[at] : input.text();
  };
  for (int steps = 0; !input.empty() && steps < 512; ++steps) {
    const uint8_t choice = input.byte() % 8;
    const std::string_view key = name();
    const std::string wanted = lowered(key);
    const auto matches = [&](const auto& pair) { return lowered(pair.first) == wanted; };
    if (choice < 3) {
      std::string_view value = input.text();
      // A value may come from the list itself.
      const size_t own = list.empty() ? 0 : input.upTo(list.size());
      if (own > 0) value = list[own - 1].value;
      const std::string copy(value);
      list.add(key, value);
      model.emplace_back(key, copy);
    } else if (choice == 3) {
      const std::string_view value = input.text();
      list.set(key, value);
      const auto first = std::find_if(model.begin(), model.end(), matches);
      if (first == model.end()) {
        model.emplace_back(key, value);
      } else {
        first->second = value;
        model.erase(std::remove_if(first + 1, model.end(), matches), model.end());
      }
    } else if (choice == 4) {
      list.remove(key);
      std::erase_if(model, matches);
    } else if (choice == 5 && input.byte() == 0) {
      list.clear();
      model.clear();
    } else {
      const auto found = list.find(key);
      const auto first = std::find_if(model.begin(), model.end(), matches);
      CHECK(found.has_value() == (first != model.end()));
      if (found) CHECK(*found == first->second);
      CHECK(list.count(key) == static_cast<size_t>(std::count_if(model.begin(), model.end(), matches)));
      const std::string_view token = input.text();
      if (token.find_first_of(", \t") == std::string_view::npos && !token.empty()) {
        bool expected = false;
        for (const auto& pair : model) {
          if (!matches(pair)) continue;
          std::string element;
          const auto check = [&] {
            const size_t from = element.find_first_not_of(" \t");
            const size_t to = element.find_last_not_of(" \t");
            expected |= from != std::string::npos && lowered(element.substr(from, to - from + 1)) == lowered(token);
            element.clear();
          };
          for (const char c : pair.second) {
            if (c == ',') check();
            else element += c;
          }
          check();
        }
        CHECK(list.containsToken(key, token) == expected);
      }
    }
    CHECK(list.size() == model.size());
  }
  size_t at = 0;
  for (const auto header : list) {
    CHECK(header.name == model[at].first);
    CHECK(header.value == model[at].second);
    ++at;
  }
}

// A head as an engine may send it, and as a script gets it.
void tryHeadBlock(std::string_view text) {
  // The codec's promise about a head block (wire_message_fuzz.cc), made true for any text.
  std::string block;
  size_t lines = 0;
  for (const char c : text) {
    if (c == '\0' || c == '\r') continue;
    if (c == '\n' && lines % 2 == 0 && (block.empty() || block.back() == '\n')) continue;  // no empty names
    block += c;
    lines += c == '\n';
  }
  if (!block.empty() && block.back() != '\n') block += '\n', ++lines;
  if (lines % 2 != 0) block += '\n';
  const http::HeaderList list = edge::headersOf({block});
  size_t pairs = 0;
  for (const char c : block) pairs += c == '\n';
  CHECK(list.size() == pairs / 2);
  for (const auto header : list) {
    CHECK(header.name.find('\n') == std::string_view::npos);
    CHECK(header.value.find('\n') == std::string_view::npos);
  }
  // As a script sees a response with these fields: less, and nothing of the connection.
  http::ResponseHead response;
  response.headers = list;
  std::string out;
  edge::appendHead(out, response);
  CHECK(out.size() <= block.size());
  const http::HeaderList seen = edge::headersOf({out});
  CHECK(seen.size() <= list.size());
  for (const auto header : seen) {
    CHECK(!http::isHopByHop(header.name));
    CHECK(list.count(header.name) == seen.count(header.name));
  }
  // As a script sees a request with these fields: what the connection names is gone, but never the host.
  http::RequestHead request;
  request.headers = list;
  request.connectionNames = true;
  out.clear();
  edge::appendHead(out, request);
  const http::HeaderList asked = edge::headersOf({out});
  CHECK(asked.count("host") == list.count("host"));
  CHECK(asked.count("content-length") == list.count("content-length"));
  request.connectionNames = false;
  out.clear();
  edge::appendHead(out, request);
  CHECK(out == block);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 3) {
    case 0: trySyntax(input.rest()); break;
    case 1: tryList(input); break;
    default: tryHeadBlock(input.rest());
  }
  return 0;
}
