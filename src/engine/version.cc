#include "engine/version.h"

#include <sys/mman.h>

#include <algorithm>

#include "engine/base_snapshot.h"
#include "wire/blob_hash.h"

namespace weir::engine {

namespace {

constexpr size_t kCacheBytesMax = 256u << 20;

wire::Bytes asBytes(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

js::SourceKind kindOf(wire::ModuleType type) {
  switch (type) {
    case wire::ModuleType::kText: return js::SourceKind::kText;
    case wire::ModuleType::kData: return js::SourceKind::kData;
    case wire::ModuleType::kJson: return js::SourceKind::kJson;
    case wire::ModuleType::kWasm: return js::SourceKind::kWasm;
    case wire::ModuleType::kCommonJs: return js::SourceKind::kCommonJs;
    case wire::ModuleType::kEsModule: break;
  }
  return js::SourceKind::kEsModule;
}

}  // namespace

std::shared_ptr<const Version> Version::make(wire::VersionId id, wire::BlobMapping bundle, StartImage image) {
  auto version = std::shared_ptr<Version>(new Version());
  version->id_ = id;
  version->bundleBlob_ = std::move(bundle);
  auto decoded = wire::decodeBundle(asBytes(version->bundleBlob_.bytes()));
  if (!decoded) return nullptr;
  version->bundle_ = std::move(*decoded);
  version->compatibility_ =
      wire::CompatibilitySet::of(version->bundle_.compatibilityDate, version->bundle_.compatibilityFlags);
  version->references_ = engine::externalReferences();
  version->references_.pop_back();
  for (const auto& module : version->bundle_.modules) {
    auto& text = version->texts_.emplace_back();
    const wire::Bytes content = module.content;
    if (module.type != wire::ModuleType::kEsModule || !module.ascii) continue;
    text = std::make_unique<js::BorrowedText>(
        std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
    version->references_.push_back(reinterpret_cast<intptr_t>(text.get()));
  }
  version->references_.push_back(0);
  version->image_ = std::move(image);
  const auto heap = version->image_.blob.bytes();
  version->snapshot_ = {reinterpret_cast<const char*>(heap.data()), static_cast<int>(heap.size())};
  return version;
}

wire::StartSource Version::source() const {
  std::call_once(checked_, [this] {
    if (image_.source == wire::StartSource::kCompiled) return;
    whole_ = (image_.hash == 0 || wire::blobHash(image_.blob.bytes()) == image_.hash) &&
             (image_.source != wire::StartSource::kSnapshot || snapshot_.IsValid());
  });
  return whole_ && !distrusted_.load(std::memory_order_relaxed) ? image_.source : wire::StartSource::kCompiled;
}

void Version::release() const {
  for (const wire::BlobMapping* blob : {&image_.blob, &bundleBlob_}) {
    const auto bytes = blob->bytes();
    if (!bytes.empty()) madvise(const_cast<std::byte*>(bytes.data()), bytes.size(), MADV_DONTNEED);
  }
}

std::vector<js::ModuleSource> Version::sources() const {
  std::vector<js::ModuleSource> sources;
  for (size_t i = 0; i < bundle_.modules.size(); ++i) {
    const auto& module = bundle_.modules[i];
    sources.push_back(
        {module.name, kindOf(module.type), {module.content.data(), module.content.size()}, {}, texts_[i].get()});
  }
  if (source() != wire::StartSource::kCodeCache) return sources;
  wire::Decoder decoder(asBytes(image_.blob.bytes()));
  while (decoder.ok() && !decoder.atEnd()) {
    std::string_view name;
    wire::Bytes bytes;
    decoder.text(name, wire::BundleBounds::kModuleNameBytesMax);
    decoder.bytes(bytes, kCacheBytesMax);
    if (!decoder.ok()) break;
    const auto at = std::find_if(sources.begin(), sources.end(), [&](const auto& s) { return s.name == name; });
    if (at != sources.end()) at->codeCache = bytes;
  }
  return sources;
}

std::vector<uint8_t> encodeCodeCaches(const std::map<std::string, std::vector<uint8_t>>& caches) {
  std::vector<uint8_t> out;
  wire::Encoder encoder(out);
  for (const auto& [name, bytes] : caches) {
    encoder.text(name, wire::BundleBounds::kModuleNameBytesMax);
    encoder.bytes(wire::Bytes(bytes), kCacheBytesMax);
  }
  return out;
}

}  // namespace weir::engine
