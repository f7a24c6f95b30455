#include "web/compression/compression.h"

#include <algorithm>
#include <cstring>

#include "js/bytes.h"
#include "web/compression/codec.h"

namespace weir::web::compression {

namespace {

using js::Arguments;

// What a step takes and gives at most: a script that compresses a gigabyte can be stopped between two.
constexpr size_t kInBytesMax = 128 << 10;
constexpr size_t kOutBytesMax = 64 << 10;

// What the ArrayBuffer that JavaScript holds for a codec points to. Scripts never see it; it goes with the garbage.
struct Slot {
  std::unique_ptr<Codec> codec;  // null: closed
};

void throwNoMemory(v8::Isolate* isolate) { js::throwRangeError(isolate, "Array buffer allocation failed"); }

Slot* slotOf(const Arguments& args) {
  if (!args[0]->IsArrayBuffer() || args[0].As<v8::ArrayBuffer>()->ByteLength() != sizeof(Slot)) return nullptr;
  return static_cast<Slot*>(args[0].As<v8::ArrayBuffer>()->Data());
}

// codecOpen(format, compress): a handle for the other two
void codecOpen(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  char name[16] = {};
  if (args[0]->IsString() && args[0].As<v8::String>()->Length() < static_cast<int>(sizeof name) &&
      args[0].As<v8::String>()->ContainsOnlyOneByte()) {
    const auto text = args[0].As<v8::String>();
    text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(text->Length()), reinterpret_cast<uint8_t*>(name));
  }
  const auto format = formatOf(name);
  if (!format) return js::throwTypeError(isolate, "codecOpen: unknown format");
  const bool compress = args[1]->IsTrue();
  v8::ArrayBuffer::Allocator& allocator = *isolate->GetArrayBufferAllocator();
  auto codec = Codec::open(*format, compress, allocator);
  if (codec == nullptr) {
    isolate->LowMemoryNotification();  // codecs that nobody holds any more, as V8 does for buffers
    codec = Codec::open(*format, compress, allocator);
  }
  if (codec == nullptr) return throwNoMemory(isolate);
  auto store = v8::ArrayBuffer::NewBackingStore(
      new Slot{std::move(codec)}, sizeof(Slot), [](void* slot, size_t, void*) { delete static_cast<Slot*>(slot); },
      nullptr);
  args.GetReturnValue().Set(v8::ArrayBuffer::New(isolate, std::move(store)));
}

// codecStep(handle, bytes, from, last): [consumed, finished, Uint8Array]
void codecStep(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  Slot* slot = slotOf(args);
  const js::ReadableBytes bytes(args[1]);
  if (slot == nullptr || slot->codec == nullptr || !bytes.ok() || !args[2]->IsUint32()) {
    return js::throwTypeError(isolate, "codecStep: expected (codec, bytes, offset, last)");
  }
  const size_t from = std::min<size_t>(args[2].As<v8::Uint32>()->Value(), bytes.size());
  const size_t taken = std::min(bytes.size() - from, kInBytesMax);
  const bool last = args[3]->IsTrue() && from + taken == bytes.size();
  thread_local const std::unique_ptr<uint8_t[]> out(new uint8_t[kOutBytesMax]);
  const auto step = slot->codec->step(bytes.span().subspan(from, taken), last, {out.get(), kOutBytesMax});
  if (step.state == Codec::State::kBroken) return js::throwTypeError(isolate, "Decompression failed.");
  if (step.state == Codec::State::kNoMemory) return throwNoMemory(isolate);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!v8::ArrayBuffer::MaybeNew(isolate, step.produced).ToLocal(&buffer)) return throwNoMemory(isolate);
  if (step.produced > 0) std::memcpy(buffer->Data(), out.get(), step.produced);
  v8::Local<v8::Value> result[] = {
      v8::Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(step.consumed)),
      v8::Boolean::New(isolate, step.state == Codec::State::kFinished),
      v8::Uint8Array::New(buffer, 0, step.produced),
  };
  args.GetReturnValue().Set(v8::Array::New(isolate, result, std::size(result)));
}

// codecClose(handle): gives its memory back before the garbage is collected
void codecClose(const Arguments& args) {
  if (Slot* slot = slotOf(args)) slot->codec.reset();
}

constexpr js::Native kNatives[] = {
    {"codecOpen", codecOpen},
    {"codecStep", codecStep},
    {"codecClose", codecClose},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::compression
