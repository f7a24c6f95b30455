// CommonJS modules of a version: `module.exports` is what they export, `require` finds any other module of the version.
#include "base/check.h"
#include "js/exception.h"
#include "js/modules.h"

namespace weir::js {

namespace {

constexpr size_t kNameBytesMax = 4096;

v8::Local<v8::String> text(v8::Isolate* isolate, std::string_view value) {
  return v8::String::NewFromUtf8(isolate, value.data(), v8::NewStringType::kInternalized,
                                 static_cast<int>(value.size()))
      .ToLocalChecked();
}

void throwError(v8::Isolate* isolate, const std::string& message) {
  isolate->ThrowException(v8::Exception::Error(text(isolate, message)));
}

}  // namespace

v8::MaybeLocal<v8::Value> ModuleGraph::runCommonJs(v8::Local<v8::Context> context, const std::string& name) {
  const ModuleSource* const source = find(name, "");
  CHECK(source != nullptr);
  v8::Local<v8::String> code;
  if (!codeOf(*source).ToLocal(&code)) return {};
  v8::ScriptCompiler::Source compilable(code, v8::ScriptOrigin(text(isolate_, name)));
  v8::Local<v8::String> names[] = {text(isolate_, "exports"), text(isolate_, "require"), text(isolate_, "module")};
  const auto options =
      compile_ == Compile::kEagerly ? v8::ScriptCompiler::kEagerCompile : v8::ScriptCompiler::kNoCompileOptions;
  v8::Local<v8::Function> body;
  v8::Local<v8::Function> require;
  if (!v8::ScriptCompiler::CompileFunction(context, &compilable, std::size(names), names, 0, nullptr, options)
           .ToLocal(&body) ||
      !v8::Function::New(context, &ModuleGraph::require, text(isolate_, name), 1, v8::ConstructorBehavior::kThrow)
           .ToLocal(&require)) {
    return {};
  }
  const auto module = v8::Object::New(isolate_);
  const auto exports = v8::Object::New(isolate_);
  const auto key = text(isolate_, "exports");
  if (module->CreateDataProperty(context, key, exports).IsNothing()) return {};
  running_[name].Reset(isolate_, module);
  v8::Local<v8::Value> arguments[] = {exports, require, module};
  const bool ended = !body->Call(context, exports, std::size(arguments), arguments).IsEmpty();
  running_.erase(name);
  if (!ended) return {};
  return module->Get(context, key);
}

void ModuleGraph::require(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* const isolate = info.GetIsolate();
  ModuleGraph* const graph = of(isolate);
  if (!info[0]->IsString()) {
    isolate->ThrowException(v8::Exception::TypeError(text(isolate, "require() takes the name of a module.")));
    return;
  }
  const std::string wanted = toUtf8(isolate, info[0], kNameBytesMax);
  const std::string from = toUtf8(isolate, info.Data(), kNameBytesMax);
  v8::Local<v8::Value> value;
  if (graph != nullptr && graph->requireFrom(isolate->GetCurrentContext(), wanted, from).ToLocal(&value))
    info.GetReturnValue().Set(value);
}

v8::MaybeLocal<v8::Value> ModuleGraph::requireFrom(v8::Local<v8::Context> context, std::string_view wanted,
                                                   std::string_view from) {
  const ModuleSource* const source = find(wanted, from);
  // Two that require each other: the second sees what the first has exported so far.
  if (source != nullptr) {
    const auto running = running_.find(source->name);
    if (running != running_.end()) return running->second.Get(isolate_)->Get(context, text(isolate_, "exports"));
  }
  v8::Local<v8::Module> module;
  if (!import(context, wanted, from).ToLocal(&module) || !evaluateNow(context, module, wanted)) return {};
  return required(context, source != nullptr ? source->name : wanted, module->GetModuleNamespace().As<v8::Object>());
}

bool ModuleGraph::evaluateNow(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::string_view wanted) {
  if (module->GetStatus() < v8::Module::kEvaluating) {
    v8::Local<v8::Promise> promise;
    if (!evaluate(context, module).ToLocal(&promise)) return false;
    if (promise->State() == v8::Promise::kPending) {
      throwError(isolate_,
                 "The module \"" + std::string(wanted) + "\" cannot be required: it awaits at its top level.");
      return false;
    }
    promise->MarkAsHandled();
  }
  if (module->GetStatus() == v8::Module::kErrored) {
    isolate_->ThrowException(module->GetException());
    return false;
  }
  if (module->GetStatus() != v8::Module::kEvaluated) {
    throwError(isolate_, "The module \"" + std::string(wanted) + "\" cannot be required while it is being loaded.");
    return false;
  }
  return true;
}

v8::MaybeLocal<v8::Value> ModuleGraph::required(v8::Local<v8::Context> context, std::string_view name,
                                                v8::Local<v8::Object> space) {
  const auto has = [&](v8::Local<v8::String> key) { return space->HasOwnProperty(context, key).FromMaybe(false); };
  if (const auto whole = text(isolate_, "module.exports"); has(whole)) return space->Get(context, whole);
  if (requireGives == RequireGives::kNamespace) return space;
  if (const auto one = text(isolate_, "default"); has(one)) return space->Get(context, one);
  if (requireGives == RequireGives::kDefault) return space;

  if (const auto known = copies_.find(name); known != copies_.end()) return known->second.Get(isolate_);
  const auto copy = v8::Object::New(isolate_, v8::Null(isolate_), nullptr, nullptr, 0);
  v8::Local<v8::Array> keys;
  if (!space->GetOwnPropertyNames(context).ToLocal(&keys)) return {};
  for (uint32_t i = 0; i < keys->Length(); ++i) {
    v8::Local<v8::Value> key;
    v8::Local<v8::Value> value;
    if (!keys->Get(context, i).ToLocal(&key) || !space->Get(context, key).ToLocal(&value) ||
        copy->CreateDataProperty(context, key.As<v8::Name>(), value).IsNothing()) {
      return {};
    }
  }
  if (copy->DefineOwnProperty(context, v8::Symbol::GetToStringTag(isolate_), text(isolate_, "Module"), v8::DontEnum)
          .IsNothing()) {
    return {};
  }
  copies_[std::string(name)].Reset(isolate_, copy);
  return copy;
}

}  // namespace weir::js
