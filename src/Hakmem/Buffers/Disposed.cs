using System;
using System.Linq;

namespace Hakmem;

// The exception that members throw once their memory is freed. It has the name of the public class, even if an internal
// class finds it.
internal static class Disposed
{
    // isHeapGone: the object itself is not disposed, but its heap is.
    public static ObjectDisposedException Error(string name, bool isHeapGone) => new(name, isHeapGone
        ? $"The heap of the {name} has been disposed, which freed its memory. Dispose the heap last."
        : $"The {name} has been disposed.");

    public static ObjectDisposedException Error(Type type, bool isHeapGone) => Error(NameOf(type), isHeapGone);

    // The name as a program writes it, except for keywords such as int.
    public static string NameOf(Type type) => type.IsGenericType
        ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;
}
