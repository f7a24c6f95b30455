// What a thrown value says, as text: for traces, logs and validation errors.
#pragma once

#include <v8.h>

#include <cstdint>
#include <string>

namespace weir::js {

struct ExceptionText {
  std::string name;     // "Error" when the value is not an Error
  std::string message;  // String(value) then
  std::string stack;    // frames only, without the leading "Name: message"
  std::string file;     // where it was thrown; empty when unknown
  uint32_t line = 0;    // 1-based
  uint32_t column = 0;  // 1-based
};

// Reads name, message and stack of `value` without letting anything it throws escape. May run the script's getters.
// `thrown` adds the place; it may be empty.
ExceptionText describe(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::Value> value,
                       v8::Local<v8::Message> thrown);

// UTF-8 of any string; at most `bytesMax`, cut between code points.
std::string toUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value, size_t bytesMax);

// The frames of the code that runs now, one "    at f (file:line:column)" per line.
std::string currentStack(v8::Isolate* isolate, int framesMax);

}  // namespace weir::js
