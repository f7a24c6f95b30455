// Bytes of JavaScript values, and errors thrown to JavaScript: what natives need at their border.
//
// Threads: callbacks run on the thread that holds the isolate. Arguments are hostile: check every one.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::js {

using Arguments = v8::FunctionCallbackInfo<v8::Value>;

void throwTypeError(v8::Isolate* isolate, std::string_view message);
void throwRangeError(v8::Isolate* isolate, std::string_view message);

// A V8 string of a literal or other ASCII text, shared between uses.
v8::Local<v8::String> symbol(v8::Isolate* isolate, std::string_view text);

// The bytes of an ArrayBuffer, SharedArrayBuffer or view, for reading, while this object and the value live.
// Small views on V8's heap are copied into the object instead of being moved off the heap.
class ReadableBytes {
 public:
  explicit ReadableBytes(v8::Local<v8::Value> value);
  ReadableBytes(const ReadableBytes&) = delete;
  ReadableBytes& operator=(const ReadableBytes&) = delete;

  // False: the value was no buffer and no view.
  bool ok() const { return ok_; }
  std::span<const uint8_t> span() const { return bytes_; }
  const char* chars() const { return reinterpret_cast<const char*>(bytes_.data()); }
  size_t size() const { return bytes_.size(); }

 private:
  static constexpr size_t kInlineBytes = 64;
  uint8_t inline_[kInlineBytes];
  std::span<const uint8_t> bytes_;
  bool ok_ = false;
};

// The bytes of a view, for writing; empty when the value is no view, or detached. Borrowed from the view's
// buffer.
std::span<uint8_t> writableBytes(v8::Local<v8::Value> value);

}  // namespace weir::js
