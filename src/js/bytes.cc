#include "js/bytes.h"

namespace weir::js {

namespace {

v8::Local<v8::String> text(v8::Isolate* isolate, std::string_view chars, v8::NewStringType type) {
  return v8::String::NewFromUtf8(isolate, chars.data(), type, static_cast<int>(chars.size())).ToLocalChecked();
}

}  // namespace

void throwTypeError(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::TypeError(text(isolate, message, v8::NewStringType::kNormal)));
}

void throwRangeError(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::RangeError(text(isolate, message, v8::NewStringType::kNormal)));
}

v8::Local<v8::String> symbol(v8::Isolate* isolate, std::string_view chars) {
  return text(isolate, chars, v8::NewStringType::kInternalized);
}

ReadableBytes::ReadableBytes(v8::Local<v8::Value> value) {
  if (value->IsArrayBufferView()) {
    v8::MemorySpan<uint8_t> storage(inline_, kInlineBytes);
    storage = value.As<v8::ArrayBufferView>()->GetContents(storage);
    bytes_ = {storage.data(), storage.size()};
    ok_ = true;
  } else if (value->IsArrayBuffer()) {
    auto buffer = value.As<v8::ArrayBuffer>();
    bytes_ = {static_cast<const uint8_t*>(buffer->Data()), buffer->ByteLength()};
    ok_ = true;
  } else if (value->IsSharedArrayBuffer()) {
    auto buffer = value.As<v8::SharedArrayBuffer>();
    bytes_ = {static_cast<const uint8_t*>(buffer->Data()), buffer->ByteLength()};
    ok_ = true;
  }
}

std::span<uint8_t> writableBytes(v8::Local<v8::Value> value) {
  if (!value->IsArrayBufferView()) return {};
  auto view = value.As<v8::ArrayBufferView>();
  const size_t length = view->ByteLength();
  if (length == 0) return {};
  return {static_cast<uint8_t*>(view->Buffer()->Data()) + view->ByteOffset(), length};
}

}  // namespace weir::js
