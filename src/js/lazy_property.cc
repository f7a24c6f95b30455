#include "js/lazy_property.h"

#include "base/check.h"

namespace weir::js {

namespace {

// Of a context's embedder data: give. A property's own data would not do: V8 writes that with the isolate, and with it
// a second copy of the function and of all that it knows.
constexpr int kGiveSlot = 1;

void give(v8::Local<v8::Name> name, const v8::PropertyCallbackInfo<v8::Value>& info) {
  const auto context = info.GetIsolate()->GetCurrentContext();
  const auto give = context->GetEmbedderDataV2(kGiveSlot).As<v8::Value>().As<v8::Function>();
  v8::Local<v8::Value> arguments[] = {name};
  v8::Local<v8::Value> value;
  if (give->Call(context, v8::Undefined(info.GetIsolate()), 1, arguments).ToLocal(&value)) {
    info.GetReturnValue().Set(value);
  }
}

}  // namespace

void defineLazyProperty(const v8::FunctionCallbackInfo<v8::Value>& info) {
  CHECK(info[0]->IsObject() && info[1]->IsName() && info[2]->IsFunction());
  const auto context = info.GetIsolate()->GetCurrentContext();
  context->SetEmbedderDataV2(kGiveSlot, info[2]);
  info[0]
      .As<v8::Object>()
      ->SetLazyDataProperty(context, info[1].As<v8::Name>(), give, {}, v8::PropertyAttribute::DontEnum)
      .Check();
}

std::vector<intptr_t> lazyPropertyReferences() {
  return {reinterpret_cast<intptr_t>(&defineLazyProperty), reinterpret_cast<intptr_t>(&give)};
}

}  // namespace weir::js
