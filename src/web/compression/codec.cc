#include "web/compression/codec.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>

#include <cstddef>

namespace weir::web::compression {

namespace {

// Blocks carry their size, which the allocator wants back.
struct alignas(std::max_align_t) BlockHead {
  size_t bytes;
};

void* allocateBlock(v8::ArrayBuffer::Allocator& allocator, size_t bytes) {
  if (bytes > SIZE_MAX - sizeof(BlockHead)) return nullptr;
  bytes += sizeof(BlockHead);
  auto* head = static_cast<BlockHead*>(allocator.AllocateUninitialized(bytes));
  if (head == nullptr) return nullptr;
  head->bytes = bytes;
  return head + 1;
}

void freeBlock(v8::ArrayBuffer::Allocator& allocator, void* block) {
  if (block == nullptr) return;
  auto* head = static_cast<BlockHead*>(block) - 1;
  allocator.Free(head, head->bytes);
}

// What brotli calls to allocate; it learns of a refusal here, because the library only says that something failed.
struct Memory {
  v8::ArrayBuffer::Allocator& allocator;
  bool refused = false;

  static void* allocate(void* self, size_t bytes) {
    auto* memory = static_cast<Memory*>(self);
    void* block = allocateBlock(memory->allocator, bytes);
    if (block == nullptr) memory->refused = true;
    return block;
  }
  static void free(void* self, void* block) { freeBlock(static_cast<Memory*>(self)->allocator, block); }
};

class ZlibCodec final : public Codec {
 public:
  ZlibCodec(bool compress, v8::ArrayBuffer::Allocator& allocator) : compress_(compress) {
    stream_.opaque = &allocator;
    stream_.zalloc = [](void* allocator, unsigned items, unsigned size) -> void* {
      return allocateBlock(*static_cast<v8::ArrayBuffer::Allocator*>(allocator), size_t{items} * size);
    };
    stream_.zfree = [](void* allocator, void* block) {
      freeBlock(*static_cast<v8::ArrayBuffer::Allocator*>(allocator), block);
    };
  }
  ~ZlibCodec() override {
    if (!open_) return;
    if (compress_) deflateEnd(&stream_);
    else inflateEnd(&stream_);
  }

  bool init(Format format) {
    const int bits = format == Format::kGzip ? MAX_WBITS + 16 : format == Format::kDeflate ? MAX_WBITS : -MAX_WBITS;
    constexpr int kMemoryLevel = 8;  // zlib's default
    open_ =
        (compress_ ? deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, kMemoryLevel, Z_DEFAULT_STRATEGY)
                   : inflateInit2(&stream_, bits)) == Z_OK;
    return open_;
  }

  Step step(std::span<const uint8_t> in, bool last, std::span<uint8_t> out) override {
    stream_.next_in = const_cast<uint8_t*>(in.data());
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<unsigned>(out.size());
    const int flush = compress_ && last ? Z_FINISH : Z_NO_FLUSH;
    const int result = compress_ ? deflate(&stream_, flush) : inflate(&stream_, flush);
    Step done{State::kMore, in.size() - stream_.avail_in, out.size() - stream_.avail_out};
    if (result == Z_STREAM_END) done.state = State::kFinished;
    else if (result == Z_MEM_ERROR) done.state = State::kNoMemory;
    else if (result != Z_OK && result != Z_BUF_ERROR) done.state = State::kBroken;
    return done;
  }

 private:
  const bool compress_;
  bool open_ = false;
  z_stream stream_{};
};

class BrotliDecoder final : public Codec {
 public:
  explicit BrotliDecoder(v8::ArrayBuffer::Allocator& allocator)
      : memory_{allocator}, decoder_(BrotliDecoderCreateInstance(Memory::allocate, Memory::free, &memory_)) {}
  ~BrotliDecoder() override {
    if (decoder_ != nullptr) BrotliDecoderDestroyInstance(decoder_);
  }
  bool isOpen() const { return decoder_ != nullptr; }

  Step step(std::span<const uint8_t> in, bool, std::span<uint8_t> out) override {
    const uint8_t* nextIn = in.data();
    uint8_t* nextOut = out.data();
    size_t leftIn = in.size();
    size_t leftOut = out.size();
    const auto result = BrotliDecoderDecompressStream(decoder_, &leftIn, &nextIn, &leftOut, &nextOut, nullptr);
    Step done{State::kMore, in.size() - leftIn, out.size() - leftOut};
    if (result == BROTLI_DECODER_RESULT_SUCCESS) done.state = State::kFinished;
    else if (result == BROTLI_DECODER_RESULT_ERROR) done.state = memory_.refused ? State::kNoMemory : State::kBroken;
    return done;
  }

 private:
  Memory memory_;
  BrotliDecoderState* const decoder_;
};

class BrotliEncoder final : public Codec {
 public:
  explicit BrotliEncoder(v8::ArrayBuffer::Allocator& allocator)
      : memory_{allocator}, encoder_(BrotliEncoderCreateInstance(Memory::allocate, Memory::free, &memory_)) {
    if (encoder_ == nullptr) return;
    // For streams made while a client waits: half of zlib's time at its default level, for about the same size.
    constexpr uint32_t kQuality = 4;
    constexpr uint32_t kWindowBits = 19;
    BrotliEncoderSetParameter(encoder_, BROTLI_PARAM_QUALITY, kQuality);
    BrotliEncoderSetParameter(encoder_, BROTLI_PARAM_LGWIN, kWindowBits);
  }
  ~BrotliEncoder() override {
    if (encoder_ != nullptr) BrotliEncoderDestroyInstance(encoder_);
  }
  bool isOpen() const { return encoder_ != nullptr; }

  Step step(std::span<const uint8_t> in, bool last, std::span<uint8_t> out) override {
    const uint8_t* nextIn = in.data();
    uint8_t* nextOut = out.data();
    size_t leftIn = in.size();
    size_t leftOut = out.size();
    const auto operation = last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
    const bool fine =
        BrotliEncoderCompressStream(encoder_, operation, &leftIn, &nextIn, &leftOut, &nextOut, nullptr) == BROTLI_TRUE;
    Step done{State::kMore, in.size() - leftIn, out.size() - leftOut};
    if (!fine) done.state = memory_.refused ? State::kNoMemory : State::kBroken;
    else if (BrotliEncoderIsFinished(encoder_) == BROTLI_TRUE) done.state = State::kFinished;
    return done;
  }

 private:
  Memory memory_;
  BrotliEncoderState* const encoder_;
};

template <class Brotli>
std::unique_ptr<Codec> openBrotli(v8::ArrayBuffer::Allocator& allocator) {
  auto codec = std::make_unique<Brotli>(allocator);
  return codec->isOpen() ? std::move(codec) : nullptr;
}

}  // namespace

std::optional<Format> formatOf(std::string_view name) {
  if (name == "gzip") return Format::kGzip;
  if (name == "deflate") return Format::kDeflate;
  if (name == "deflate-raw") return Format::kDeflateRaw;
  if (name == "br") return Format::kBrotli;
  return std::nullopt;
}

std::unique_ptr<Codec> Codec::open(Format format, bool compress, v8::ArrayBuffer::Allocator& allocator) {
  if (format == Format::kBrotli) {
    return compress ? openBrotli<BrotliEncoder>(allocator) : openBrotli<BrotliDecoder>(allocator);
  }
  auto codec = std::make_unique<ZlibCodec>(compress, allocator);
  return codec->init(format) ? std::move(codec) : nullptr;
}

}  // namespace weir::web::compression
