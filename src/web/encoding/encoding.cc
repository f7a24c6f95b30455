#include "web/encoding/encoding.h"

#include <climits>
#include <cstring>
#include <memory>

#include "js/bytes.h"

// From the Node executable; its package has no header for it.
namespace simdutf {
bool validate_utf8(const char* bytes, size_t length) noexcept;
}

namespace weir::web::encoding {

namespace {

using js::Arguments;

constexpr int kWriteFlags = v8::String::WriteFlags::kReplaceInvalidUtf8;

void throwTooLong(v8::Isolate* isolate) { js::throwRangeError(isolate, "Invalid string length"); }

// https://encoding.spec.whatwg.org/#utf-8-encode
void utf8Encode(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "utf8Encode: not a string");
  auto text = args[0].As<v8::String>();
  const size_t length = text->Utf8LengthV2(isolate);
  auto maybe = v8::ArrayBuffer::MaybeNew(isolate, length, v8::BackingStoreInitializationMode::kUninitialized);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!maybe.ToLocal(&buffer)) return js::throwRangeError(isolate, "Array buffer allocation failed");
  if (length > 0) text->WriteUtf8V2(isolate, static_cast<char*>(buffer->Data()), length, kWriteFlags);
  args.GetReturnValue().Set(v8::Uint8Array::New(buffer, 0, length));
}

// https://encoding.spec.whatwg.org/#dom-textencoder-encodeinto
void utf8EncodeInto(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString() || !args[1]->IsUint8Array()) {
    return js::throwTypeError(isolate, "utf8EncodeInto: expected a string and a Uint8Array");
  }
  const auto target = js::writableBytes(args[1]);
  size_t read = 0;
  size_t written = 0;
  if (!target.empty()) {
    written = args[0].As<v8::String>()->WriteUtf8V2(isolate, reinterpret_cast<char*>(target.data()), target.size(),
                                                    kWriteFlags, &read);
  }
  v8::Local<v8::Value> counts[] = {v8::Number::New(isolate, static_cast<double>(read)),
                                   v8::Number::New(isolate, static_cast<double>(written))};
  args.GetReturnValue().Set(v8::Array::New(isolate, counts, 2));
}

void utf8Length(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "utf8Length: not a string");
  args.GetReturnValue().Set(static_cast<double>(args[0].As<v8::String>()->Utf8LengthV2(isolate)));
}

// https://encoding.spec.whatwg.org/#utf-8-decode-without-bom, or "or fail" with `fatal`
void utf8Decode(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  js::ReadableBytes bytes(args[0]);
  if (!bytes.ok()) return js::throwTypeError(isolate, "utf8Decode: not a buffer");
  if (args[1]->IsTrue() && !simdutf::validate_utf8(bytes.chars(), bytes.size())) {
    return js::throwTypeError(isolate, "The encoded data was not valid for encoding utf-8");
  }
  if (bytes.size() == 0) return args.GetReturnValue().SetEmptyString();
  v8::Local<v8::String> text;
  if (bytes.size() > INT_MAX ||
      !v8::String::NewFromUtf8(isolate, bytes.chars(), v8::NewStringType::kNormal, static_cast<int>(bytes.size()))
           .ToLocal(&text)) {
    return throwTooLong(isolate);
  }
  args.GetReturnValue().Set(text);
}

void latin1Decode(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  js::ReadableBytes bytes(args[0]);
  if (!bytes.ok()) return js::throwTypeError(isolate, "latin1Decode: not a buffer");
  if (bytes.size() == 0) return args.GetReturnValue().SetEmptyString();
  v8::Local<v8::String> text;
  if (bytes.size() > INT_MAX || !v8::String::NewFromOneByte(isolate, bytes.span().data(), v8::NewStringType::kNormal,
                                                            static_cast<int>(bytes.size()))
                                     .ToLocal(&text)) {
    return throwTooLong(isolate);
  }
  args.GetReturnValue().Set(text);
}

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int8_t kSpace = -2;
constexpr int8_t kInvalid = -1;

struct Base64Table {
  int8_t values[256];
  constexpr Base64Table() : values{} {
    for (auto& value : values) value = kInvalid;
    for (int i = 0; i < 64; i++) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
    for (char space : {' ', '\t', '\n', '\f', '\r'}) values[static_cast<uint8_t>(space)] = kSpace;
  }
};
constexpr Base64Table kTable;

// https://infra.spec.whatwg.org/#forgiving-base64-decode. Returns the number of bytes, or SIZE_MAX on
// failure. `out` has room for 3 bytes per 4 characters, rounded up.
size_t decodeBase64(const uint8_t* in, size_t length, uint8_t* out) {
  size_t written = 0;
  uint32_t bits = 0;
  int have = 0;  // characters in `bits`
  size_t i = 0;
  for (; i < length; i++) {
    const int8_t value = kTable.values[in[i]];
    if (value == kSpace) continue;
    if (value == kInvalid) break;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    if (++have < 4) continue;
    out[written++] = static_cast<uint8_t>(bits >> 16);
    out[written++] = static_cast<uint8_t>(bits >> 8);
    out[written++] = static_cast<uint8_t>(bits);
    bits = 0;
    have = 0;
  }
  int padding = 0;
  for (; i < length; i++) {
    if (kTable.values[in[i]] == kSpace) continue;
    if (in[i] != '=') return SIZE_MAX;
    padding++;
  }
  if (padding > 0 && (have + padding != 4 || padding > 2)) return SIZE_MAX;
  if (have == 1) return SIZE_MAX;
  if (have == 2) {
    out[written++] = static_cast<uint8_t>(bits >> 4);
  } else if (have == 3) {
    out[written++] = static_cast<uint8_t>(bits >> 10);
    out[written++] = static_cast<uint8_t>(bits >> 2);
  }
  return written;
}

// The one-byte units of a string; null when some unit is above U+00FF.
std::unique_ptr<uint8_t[]> oneByteUnits(v8::Isolate* isolate, v8::Local<v8::String> text) {
  if (!text->ContainsOnlyOneByte()) return nullptr;
  const auto length = static_cast<uint32_t>(text->Length());
  auto units = std::make_unique_for_overwrite<uint8_t[]>(length + 1);
  text->WriteOneByteV2(isolate, 0, length, units.get());
  return units;
}

void returnOneByte(const Arguments& args, const uint8_t* units, size_t length) {
  if (length == 0) return args.GetReturnValue().SetEmptyString();
  v8::Local<v8::String> text;
  if (length > INT_MAX ||
      !v8::String::NewFromOneByte(args.GetIsolate(), units, v8::NewStringType::kNormal, static_cast<int>(length))
           .ToLocal(&text)) {
    return throwTooLong(args.GetIsolate());
  }
  args.GetReturnValue().Set(text);
}

void atob(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "atob: not a string");
  auto text = args[0].As<v8::String>();
  auto units = oneByteUnits(isolate, text);
  if (units == nullptr) return args.GetReturnValue().SetNull();
  const auto length = static_cast<size_t>(text->Length());
  // Decodes in place: the write position never passes the read position.
  const size_t written = decodeBase64(units.get(), length, units.get());
  if (written == SIZE_MAX) return args.GetReturnValue().SetNull();
  returnOneByte(args, units.get(), written);
}

void btoa(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "btoa: not a string");
  auto text = args[0].As<v8::String>();
  auto units = oneByteUnits(isolate, text);
  if (units == nullptr) return args.GetReturnValue().SetNull();
  const auto length = static_cast<size_t>(text->Length());
  auto out = std::make_unique_for_overwrite<uint8_t[]>((length + 2) / 3 * 4 + 1);
  size_t at = 0;
  for (size_t i = 0; i < length; i += 3) {
    const size_t left = length - i;
    const uint32_t bits = static_cast<uint32_t>(units[i]) << 16 |
                          (left > 1 ? static_cast<uint32_t>(units[i + 1]) << 8 : 0) |
                          (left > 2 ? static_cast<uint32_t>(units[i + 2]) : 0);
    out[at++] = static_cast<uint8_t>(kAlphabet[bits >> 18]);
    out[at++] = static_cast<uint8_t>(kAlphabet[(bits >> 12) & 63]);
    out[at++] = left > 1 ? static_cast<uint8_t>(kAlphabet[(bits >> 6) & 63]) : '=';
    out[at++] = left > 2 ? static_cast<uint8_t>(kAlphabet[bits & 63]) : '=';
  }
  returnOneByte(args, out.get(), at);
}

constexpr js::Native kNatives[] = {
    {"utf8Encode", utf8Encode},
    {"utf8EncodeInto", utf8EncodeInto},
    {"utf8Length", utf8Length},
    {"utf8Decode", utf8Decode},
    {"latin1Decode", latin1Decode},
    {"atob", atob},
    {"btoa", btoa},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::encoding
