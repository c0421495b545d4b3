using System;
using System.Diagnostics.CodeAnalysis;

namespace Hakmem.Events;

// Names the class that serves the requests of the event source. It is a class of the topmost layer, which no layer
// below may name; so that layer puts this attribute on the assembly, and the first request reads it. Nothing is loaded,
// and nothing runs, before.
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class RequestHandlerAttribute(
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] Type handler)
    : Attribute
{
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
    public Type Handler { get; } = handler;
}

// Serves one request. Called on a thread of its own, under no lock; what it throws is the answer.
internal interface IRequestHandler
{
    void Handle(EventRequest request);
}
