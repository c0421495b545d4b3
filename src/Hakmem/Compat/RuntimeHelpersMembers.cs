using System;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// A member that netstandard2.0 lacks.
internal static class RuntimeHelpersMembers
{
    extension(RuntimeHelpers)
    {
        public static bool IsReferenceOrContainsReferences<T>() => Of<T>.HasReferences;
    }

    private static bool HasReferences(Type type) => !type.IsPrimitive && !type.IsPointer && !type.IsEnum &&
        (!type.IsValueType || type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Any(field => HasReferences(field.FieldType)));

    private static class Of<T>
    {
        public static readonly bool HasReferences = HasReferences(typeof(T));
    }
}
