using System;
using System.Linq;

namespace Hakmem;

// What members throw once their memory is gone: under the name by which the caller knows the thing, which is not always
// that of the class that notices.
internal static class Disposed
{
    // The thing was disposed itself or, if not, its heap was.
    public static ObjectDisposedException Error(string name, bool isHeapGone) => new(name, isHeapGone
        ? $"The heap of the {name} has been disposed, and its memory is gone."
        : $"The {name} has been disposed.");

    public static ObjectDisposedException Error(Type type, bool isHeapGone) => Error(NameOf(type), isHeapGone);

    // As it is written in a program, but for the language's own words for types.
    public static string NameOf(Type type) => type.IsGenericType
        ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;
}
