// How host functions read their arguments: from the bundle, and checked like anything else that a script can reach.
#pragma once

#include <string>
#include <string_view>

#include "engine/script_isolate.h"

namespace weir::engine {

using Arguments = const v8::FunctionCallbackInfo<v8::Value>&;

inline void throwError(v8::Isolate* isolate, v8::Local<v8::Value> (*make)(v8::Local<v8::String>, v8::Local<v8::Value>),
                       std::string_view message) {
  isolate->ThrowException(make(
      v8::String::NewFromUtf8(isolate, message.data(), v8::NewStringType::kNormal, static_cast<int>(message.size()))
          .ToLocalChecked(),
      {}));
}

// 0 for anything that is no unsigned 32-bit number.
inline uint32_t unsignedOf(v8::Local<v8::Value> value) {
  if (!value->IsNumber()) return 0;
  const double number = value.As<v8::Number>()->Value();
  return number >= 0 && number <= 4294967295.0 ? static_cast<uint32_t>(number) : 0;
}

// The invocation an operation names, or null after throwing.
Invocation* invocationOf(Arguments info, ScriptIsolate& isolate);

// One-byte text; a character above U+00FF becomes '?'. The bundle has checked before.
std::string byteString(v8::Isolate* isolate, v8::Local<v8::Value> value);

// Bytes of a string (as UTF-8), a view or a buffer; `storage` keeps a string's.
wire::Bytes bodyBytes(v8::Isolate* isolate, v8::Local<v8::Value> value, std::string& storage);

}  // namespace weir::engine
