#include "web/crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "js/bytes.h"

namespace weir::web::crypto {

namespace {

using js::Arguments;

// Random bytes for small wants, drawn from OpenSSL in larger portions. A byte is given out once and wiped.
class RandomPool {
 public:
  // False when OpenSSL has no entropy; `out` is then not usable.
  bool take(std::span<uint8_t> out) {
    if (out.size() > sizeof bytes_) return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
    if (left_ < out.size()) {
      if (RAND_bytes(bytes_, sizeof bytes_) != 1) return false;
      left_ = sizeof bytes_;
    }
    left_ -= out.size();
    std::memcpy(out.data(), bytes_ + left_, out.size());
    OPENSSL_cleanse(bytes_ + left_, out.size());
    return true;
  }

 private:
  uint8_t bytes_[512];
  size_t left_ = 0;
};

thread_local RandomPool pool;

void throwNoEntropy(v8::Isolate* isolate) { js::throwTypeError(isolate, "Random values are not available."); }

void randomFill(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsArrayBufferView()) return js::throwTypeError(isolate, "randomFill: not a view");
  const auto bytes = js::writableBytes(args[0]);
  constexpr size_t kPortion = 1 << 20;  // RAND_bytes takes an int
  for (size_t at = 0; at < bytes.size(); at += kPortion) {
    if (!pool.take(bytes.subspan(at, std::min(kPortion, bytes.size() - at)))) return throwNoEntropy(isolate);
  }
}

// RFC 9562 §5.4, version 4
void randomUUID(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  uint8_t random[16];
  if (!pool.take(random)) return throwNoEntropy(isolate);
  random[6] = static_cast<uint8_t>((random[6] & 0x0f) | 0x40);
  random[8] = static_cast<uint8_t>((random[8] & 0x3f) | 0x80);
  constexpr char kHex[] = "0123456789abcdef";
  uint8_t text[36];
  size_t at = 0;
  for (size_t i = 0; i < sizeof random; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    text[at++] = static_cast<uint8_t>(kHex[random[i] >> 4]);
    text[at++] = static_cast<uint8_t>(kHex[random[i] & 15]);
  }
  args.GetReturnValue().Set(
      v8::String::NewFromOneByte(isolate, text, v8::NewStringType::kNormal, sizeof text).ToLocalChecked());
}

struct Algorithm {
  std::string_view name;
  EVP_MD* md;
};

// Fetched once in the process: an implicit fetch for each digest costs more than a short digest itself.
const Algorithm* findAlgorithm(std::string_view name) {
  static const Algorithm algorithms[] = {
      {"SHA-256", EVP_MD_fetch(nullptr, "SHA256", nullptr)}, {"SHA-1", EVP_MD_fetch(nullptr, "SHA1", nullptr)},
      {"SHA-384", EVP_MD_fetch(nullptr, "SHA384", nullptr)}, {"SHA-512", EVP_MD_fetch(nullptr, "SHA512", nullptr)},
      {"MD5", EVP_MD_fetch(nullptr, "MD5", nullptr)},
  };
  for (const auto& algorithm : algorithms) {
    if (algorithm.name == name) return algorithm.md == nullptr ? nullptr : &algorithm;
  }
  return nullptr;
}

// https://w3c.github.io/webcrypto/#SubtleCrypto-method-digest
void digest(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  js::ReadableBytes bytes(args[1]);
  if (!args[0]->IsString() || !bytes.ok()) return js::throwTypeError(isolate, "digest: expected (string, buffer)");
  auto name = args[0].As<v8::String>();
  char chars[16];
  if (name->Length() >= static_cast<int>(sizeof chars) || !name->ContainsOnlyOneByte()) return;
  name->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(name->Length()), reinterpret_cast<uint8_t*>(chars));
  const Algorithm* algorithm = findAlgorithm({chars, static_cast<size_t>(name->Length())});
  if (algorithm == nullptr) return;
  uint8_t result[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.span().data(), bytes.size(), result, &size, algorithm->md, nullptr) != 1) {
    return js::throwTypeError(isolate, "digest failed");
  }
  v8::Local<v8::ArrayBuffer> buffer;
  if (!v8::ArrayBuffer::MaybeNew(isolate, size).ToLocal(&buffer)) {
    return js::throwRangeError(isolate, "Array buffer allocation failed");
  }
  std::memcpy(buffer->Data(), result, size);
  args.GetReturnValue().Set(buffer);
}

constexpr js::Native kNatives[] = {
    {"randomFill", randomFill},
    {"randomUUID", randomUUID},
    {"digest", digest},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::crypto
