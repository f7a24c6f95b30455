#include "web/clone/clone.h"

#include <cstdlib>
#include <memory>
#include <vector>

#include "js/bytes.h"

namespace weir::web::clone {

namespace {

using js::Arguments;

// Throws what the script's newDataCloneError(message) makes; whatever that throws instead goes on as it is.
class CloneErrors : public v8::ValueSerializer::Delegate {
 public:
  CloneErrors(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::Function> newError)
      : isolate_(isolate), context_(context), newError_(newError) {}

  void ThrowDataCloneError(v8::Local<v8::String> message) override {
    v8::Local<v8::Value> argument = message;
    v8::Local<v8::Value> error;
    if (newError_->Call(context_, v8::Undefined(isolate_), 1, &argument).ToLocal(&error)) {
      isolate_->ThrowException(error);
    }
  }

  void fail(std::string_view message) { ThrowDataCloneError(js::symbol(isolate_, message)); }

 private:
  v8::Isolate* isolate_;
  v8::Local<v8::Context> context_;
  v8::Local<v8::Function> newError_;
};

struct Free {
  void operator()(uint8_t* bytes) const { std::free(bytes); }
};

// The ArrayBuffers to transfer; false when an exception is pending.
bool readTransfers(v8::Local<v8::Context> context, v8::Local<v8::Value> list, CloneErrors& errors,
                   std::vector<v8::Local<v8::ArrayBuffer>>& transfers) {
  if (!list->IsArray()) return true;
  auto array = list.As<v8::Array>();
  for (uint32_t i = 0; i < array->Length(); i++) {
    v8::Local<v8::Value> item;
    if (!array->Get(context, i).ToLocal(&item)) return false;
    if (!item->IsArrayBuffer()) {
      errors.fail("A value in the transfer list is not transferable.");
      return false;
    }
    auto buffer = item.As<v8::ArrayBuffer>();
    if (!buffer->IsDetachable() || buffer->WasDetached()) {
      errors.fail("An ArrayBuffer in the transfer list is detached and could not be cloned.");
      return false;
    }
    for (auto other : transfers) {
      if (other != buffer) continue;
      errors.fail("The transfer list has the same ArrayBuffer twice.");
      return false;
    }
    transfers.push_back(buffer);
  }
  return true;
}

// https://html.spec.whatwg.org/#dom-structuredclone
void structuredClone(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  if (!args[2]->IsFunction()) return js::throwTypeError(isolate, "structuredClone: expected a function");
  CloneErrors errors(isolate, context, args[2].As<v8::Function>());
  std::vector<v8::Local<v8::ArrayBuffer>> transfers;
  if (!readTransfers(context, args[1], errors, transfers)) return;

  v8::ValueSerializer serializer(isolate, &errors);
  for (uint32_t i = 0; i < transfers.size(); i++) serializer.TransferArrayBuffer(i, transfers[i]);
  serializer.WriteHeader();
  if (!serializer.WriteValue(context, args[0]).FromMaybe(false)) return;
  auto [data, size] = serializer.Release();
  std::unique_ptr<uint8_t, Free> owned(data);

  v8::ValueDeserializer deserializer(isolate, data, size);
  for (uint32_t i = 0; i < transfers.size(); i++) {
    // A getter may have detached it meanwhile.
    if (transfers[i]->WasDetached()) return errors.fail("An ArrayBuffer is detached and could not be cloned.");
    auto store = transfers[i]->GetBackingStore();
    if (transfers[i]->Detach(v8::Local<v8::Value>()).IsNothing()) return;
    deserializer.TransferArrayBuffer(i, v8::ArrayBuffer::New(isolate, std::move(store)));
  }
  v8::Local<v8::Value> clone;
  if (!deserializer.ReadHeader(context).FromMaybe(false)) return;
  if (deserializer.ReadValue(context).ToLocal(&clone)) args.GetReturnValue().Set(clone);
}

// https://tc39.es/ecma262/#sec-detacharraybuffer
void detach(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsArrayBuffer()) return js::throwTypeError(isolate, "detach: not an ArrayBuffer");
  auto buffer = args[0].As<v8::ArrayBuffer>();
  if (!buffer->IsDetachable()) return js::throwTypeError(isolate, "detach: this ArrayBuffer cannot be detached");
  if (buffer->Detach(v8::Local<v8::Value>()).IsNothing()) return;  // an exception is pending
}

constexpr js::Native kNatives[] = {
    {"structuredClone", structuredClone},
    {"detach", detach},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::clone
