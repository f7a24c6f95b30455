#include "js/exception.h"

namespace weir::js {

namespace {

constexpr size_t kTextBytesMax = 16u << 10;
constexpr size_t kStackBytesMax = 32u << 10;

std::string property(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::Object> object,
                     const char* name, size_t bytesMax) {
  v8::Local<v8::Value> value;
  if (!object->Get(context, v8::String::NewFromUtf8(isolate, name).ToLocalChecked()).ToLocal(&value)) return {};
  if (value->IsNullOrUndefined()) return {};
  return toUtf8(isolate, value, bytesMax);
}

std::string stringOf(v8::Local<v8::Context> context, v8::Isolate* isolate, v8::Local<v8::Value> value) {
  v8::Local<v8::String> text;
  const bool converted =
      !value->IsSymbol() && value->ToString(context).ToLocal(&text);  // String(value): the script's own
  if (!converted && !value->ToDetailString(context).ToLocal(&text)) return "(value that cannot be shown)";
  return toUtf8(isolate, text, kTextBytesMax);
}

}  // namespace

std::string toUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value, size_t bytesMax) {
  if (value.IsEmpty() || !value->IsString()) {
    v8::Local<v8::String> text;
    if (value.IsEmpty() || !value->ToString(isolate->GetCurrentContext()).ToLocal(&text)) return {};
    value = text;
  }
  const auto string = value.As<v8::String>();
  const size_t size = std::min(string->Utf8LengthV2(isolate), bytesMax);
  std::string result(size, '\0');
  const size_t written = string->WriteUtf8V2(isolate, result.data(), size, v8::String::WriteFlags::kReplaceInvalidUtf8);
  result.resize(written);
  return result;
}

ExceptionText describe(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::Value> value,
                       v8::Local<v8::Message> thrown) {
  const v8::TryCatch quiet(isolate);
  ExceptionText text;
  text.name = "Error";
  if (!value.IsEmpty() && value->IsObject()) {
    const auto object = value.As<v8::Object>();
    if (value->IsNativeError()) {
      const std::string name = property(isolate, context, object, "name", kTextBytesMax);
      if (!name.empty()) text.name = name;
      text.message = property(isolate, context, object, "message", kTextBytesMax);
      text.stack = property(isolate, context, object, "stack", kStackBytesMax);
      // The stack begins with the text the error had when it was made.
      const size_t frames = text.stack.find("\n    at ");
      if (text.stack.rfind("    at ", 0) == 0) {
      } else if (frames == std::string::npos) {
        text.stack.clear();
      } else {
        text.stack.erase(0, frames + 1);
      }
    } else {
      const std::string name = property(isolate, context, object, "name", kTextBytesMax);
      const std::string message = property(isolate, context, object, "message", kTextBytesMax);
      if (!name.empty() && !message.empty()) {  // DOMException and its like
        text.name = name;
        text.message = message;
        text.stack = property(isolate, context, object, "stack", kStackBytesMax);
        const size_t frames = text.stack.find("    at ");
        text.stack.erase(0, frames == std::string::npos ? text.stack.size() : frames);
      } else {
        text.message = stringOf(context, isolate, value);
      }
    }
  } else if (!value.IsEmpty()) {
    text.message = stringOf(context, isolate, value);
  }
  if (!thrown.IsEmpty()) {
    const auto resource = thrown->GetScriptOrigin().ResourceName();
    if (!resource.IsEmpty() && resource->IsString()) text.file = toUtf8(isolate, resource, kTextBytesMax);
    text.line = static_cast<uint32_t>(thrown->GetLineNumber(context).FromMaybe(0));
    text.column = static_cast<uint32_t>(thrown->GetStartColumn(context).FromMaybe(0)) + 1;
  }
  return text;
}

std::string currentStack(v8::Isolate* isolate, int framesMax) {
  const v8::HandleScope handles(isolate);
  const auto trace = v8::StackTrace::CurrentStackTrace(isolate, framesMax);
  std::string result;
  for (int i = 0; i < trace->GetFrameCount() && result.size() < kStackBytesMax; ++i) {
    const auto frame = trace->GetFrame(isolate, static_cast<uint32_t>(i));
    const auto function = frame->GetFunctionName();
    const auto script = frame->GetScriptNameOrSourceURL();
    const std::string place = (script.IsEmpty() ? "<anonymous>" : toUtf8(isolate, script, 1024)) + ":" +
                              std::to_string(frame->GetLineNumber()) + ":" + std::to_string(frame->GetColumn());
    if (!result.empty()) result += '\n';
    if (function.IsEmpty() || function->Length() == 0) {
      result += "    at " + place;
    } else {
      result += "    at " + toUtf8(isolate, function, 1024) + " (" + place + ")";
    }
  }
  return result;
}

}  // namespace weir::js
