// JSON text, written and checked without building values: what hot paths and error paths share. Input may be any
// bytes; output is always valid JSON in valid UTF-8, each malformed sequence replaced by U+FFFD.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::base {

// No byte of a string grows beyond this ("\u0000"); the quotes come on top.
inline constexpr size_t kJsonBytesPerByteMax = 6;

// Bytes that writeJsonString needs at most for a text of `size` bytes. It may scribble 8 bytes beyond what it returns.
constexpr size_t jsonStringBytesMax(size_t size) { return size * kJsonBytesPerByteMax + 2 + 8; }

// Writes `text` without quotes and returns the end. `out` has room for jsonStringBytesMax(text.size()).
char* writeJsonCharacters(char* out, std::string_view text);

// The same with quotes.
inline char* writeJsonString(char* out, std::string_view text) {
  *out++ = '"';
  out = writeJsonCharacters(out, text);
  *out++ = '"';
  return out;
}

// Appends `text` as a JSON string, quotes included.
void appendJsonString(std::string& out, std::string_view text);

// Length of the well-formed UTF-8 sequence at the start of `text`, 1 to 4; 0 when there is none.
size_t utf8SequenceBytes(std::string_view text);

// `text` with each malformed UTF-8 sequence replaced by U+FFFD.
std::string wellFormedUtf8(std::string_view text);

// Deeper JSON is refused by isJson, so that whoever parses it later is safe from it too.
inline constexpr size_t kJsonDepthMax = 512;

enum class JsonKind : uint8_t { kAny, kArray, kObject };

// True if `text` is one RFC 8259 value of that kind in well-formed UTF-8 and holds no line break outside strings: it
// can be embedded in a line of JSON as it is.
bool isJsonLine(std::string_view text, JsonKind kind = JsonKind::kAny);
// The same, line breaks allowed.
bool isJson(std::string_view text, JsonKind kind = JsonKind::kAny);

}  // namespace weir::base
