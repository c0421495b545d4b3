using System;
using System.Collections.Generic;
using System.Reflection;
using Hakmem.Os;

namespace Hakmem.Scale.Counts;

/// <summary>Finds which lock is which, by the fields that lead to it from a root object and from static
/// fields.</summary>
internal static class LockNames
{
    private const BindingFlags OwnFields =
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private const BindingFlags StaticFields =
        BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The name of each lock that can be found: the type and the field that has it.</summary>
    public static Dictionary<UninterruptibleLock, string> Find(params ReadOnlySpan<object> roots)
    {
        Dictionary<UninterruptibleLock, string> names = [];
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        Stack<object> open = new(roots.ToArray());
        foreach (Type type in typeof(HakmemAllocator).Assembly.GetTypes())
        {
            if (IsOfLibrary(type) && !type.ContainsGenericParameters)
            {
                AddFields(type, null, StaticFields, names, open);
            }
        }

        while (open.TryPop(out object? found))
        {
            if (!seen.Add(found))
            {
                continue;
            }

            if (found is Array array)
            {
                foreach (object? element in array)
                {
                    Add(element, names, open, "");
                }
            }

            for (Type? type = found.GetType(); type is not null && IsOfLibrary(type); type = type.BaseType)
            {
                AddFields(type, found, OwnFields, names, open);
            }
        }

        return names;
    }

    private static void AddFields(
        Type type, object? owner, BindingFlags fields, Dictionary<UninterruptibleLock, string> names, Stack<object> open)
    {
        foreach (FieldInfo field in type.GetFields(fields))
        {
            if (!field.FieldType.IsPointer && !field.FieldType.IsPrimitive && !field.FieldType.IsByRefLike)
            {
                Add(field.GetValue(owner), names, open, $"{type.Name}.{Plain(field.Name)}");
            }
        }
    }

    private static void Add(
        object? value, Dictionary<UninterruptibleLock, string> names, Stack<object> open, string name)
    {
        if (value is UninterruptibleLock found)
        {
            names.TryAdd(found, name);
        }
        else if (value is not null && (value is Array || IsOfLibrary(value.GetType())))
        {
            open.Push(value);
        }
    }

    // A property's field is called <Name>k__BackingField, a parameter's <name>P.
    private static string Plain(string field) =>
        field.StartsWith('<') ? field[1..field.IndexOf('>')] : field.TrimStart('_');

    private static bool IsOfLibrary(Type type) =>
        type.Assembly == typeof(HakmemAllocator).Assembly &&
        type.Namespace is { } space && !space.StartsWith("Hakmem.Scale", StringComparison.Ordinal) &&
        !space.StartsWith("Hakmem.Benchmarks", StringComparison.Ordinal) &&
        space.StartsWith("Hakmem", StringComparison.Ordinal);
}
