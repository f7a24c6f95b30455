#include "engine/startup_profile.h"

#include <climits>

namespace weir::engine {

namespace {

constexpr int kSampleEveryUs = 500;
constexpr unsigned kSamplesMax = 100'000;

class Text final : public v8::OutputStream {
 public:
  explicit Text(size_t bytesMax) : bytesMax_(bytesMax) {}
  void EndOfStream() override { whole_ = true; }
  int GetChunkSize() override { return 64 << 10; }
  WriteResult WriteAsciiChunk(char* data, int size) override {
    if (text_.size() + static_cast<size_t>(size) > bytesMax_) return kAbort;
    text_.append(data, static_cast<size_t>(size));
    return kContinue;
  }
  std::string take() { return whole_ ? std::move(text_) : std::string(); }

 private:
  const size_t bytesMax_;
  std::string text_;
  bool whole_ = false;
};

v8::Local<v8::String> title(v8::Isolate* isolate) { return v8::String::NewFromUtf8Literal(isolate, "startup"); }

}  // namespace

StartupProfile::StartupProfile(v8::Isolate* isolate)
    : isolate_(isolate), profiler_(v8::CpuProfiler::New(isolate, v8::kDebugNaming, v8::kEagerLogging)) {
  profiler_->SetSamplingInterval(kSampleEveryUs);
  const v8::HandleScope handles(isolate);
  profiler_->StartProfiling(title(isolate), v8::CpuProfilingOptions(v8::kLeafNodeLineNumbers, kSamplesMax));
}

StartupProfile::~StartupProfile() {
  if (!ended_) end(0);
  profiler_->Dispose();
}

std::string StartupProfile::end(size_t bytesMax) {
  ended_ = true;
  const v8::HandleScope handles(isolate_);
  v8::CpuProfile* profile = profiler_->StopProfiling(title(isolate_));
  if (profile == nullptr) return {};
  Text text(bytesMax);
  if (bytesMax > 0) profile->Serialize(&text);
  profile->Delete();
  return text.take();
}

}  // namespace weir::engine
