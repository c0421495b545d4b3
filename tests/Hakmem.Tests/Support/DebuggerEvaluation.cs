using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tests.Support;

// What a debugger shows of an object: evaluates the attributes of its type as a debugger does.
internal static partial class DebuggerEvaluation
{
    private const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    // The public classes and structs of which there can be objects.
    public static IEnumerable<Type> PublicTypesOf(Assembly assembly) => assembly.GetExportedTypes().Where(type =>
        !type.IsEnum && !type.IsInterface && !(type.IsAbstract && type.IsSealed) &&
        !typeof(Exception).IsAssignableFrom(type) && !typeof(Delegate).IsAssignableFrom(type));

    // Asserts that each expression of the type's display names members that exist.
    public static void AssertDisplayNamesMembers(Type type)
    {
        MatchCollection expressions = Expression().Matches(AttributeOf<DebuggerDisplayAttribute>(type).Value!);
        Assert.NotEmpty(expressions);
        foreach (Match expression in expressions)
        {
            Type? at = type;
            foreach (string name in expression.Groups[1].Value.Split('.'))
            {
                PropertyInfo? property = PropertyOf(at!, name);
                Assert.True(property is not null, $"{type} has no {expression.Value}.");
                at = property!.PropertyType;
            }
        }
    }

    public static string DisplayOf(object shown) => Expression().Replace(
        AttributeOf<DebuggerDisplayAttribute>(shown.GetType()).Value!,
        expression =>
        {
            object? at = shown;
            foreach (string name in expression.Groups[1].Value.Split('.'))
            {
                at = PropertyOf(at!.GetType(), name)!.GetValue(at);
            }

            return Convert.ToString(at, CultureInfo.InvariantCulture)!;
        });

    // What unfolds: the values of the proxy's properties by their names; none if the type has no proxy.
    public static Dictionary<string, object?> ViewOf(object shown)
    {
        if (shown.GetType().GetCustomAttribute<DebuggerTypeProxyAttribute>() is null)
        {
            return [];
        }

        Type view = ViewTypeOf(shown.GetType());
        object proxy = Activator.CreateInstance(view, Own, null, [shown], null)!;
        return view.GetProperties().ToDictionary(property => property.Name, property => property.GetValue(proxy));
    }

    // The proxy's type, for the same element type as that of what it shows.
    public static Type ViewTypeOf(Type type)
    {
        Type view = Type.GetType(AttributeOf<DebuggerTypeProxyAttribute>(type).ProxyTypeName, throwOnError: true)!;
        return view.IsGenericTypeDefinition ? view.MakeGenericType(type.GetGenericArguments()) : view;
    }

    private static T AttributeOf<T>(Type type)
        where T : Attribute
    {
        T? attribute = type.GetCustomAttribute<T>();
        Assert.True(attribute is not null, $"{type} has no {typeof(T).Name}.");
        return attribute!;
    }

    private static PropertyInfo? PropertyOf(Type type, string name)
    {
        PropertyInfo? found = null;
        for (Type? at = type; at is not null && found is null; at = at.BaseType)
        {
            found = at.GetProperty(name, Own | BindingFlags.DeclaredOnly);
        }

        // What an interface has from another one: the Count of a list.
        return found ??
            type.GetInterfaces().Select(other => other.GetProperty(name)).FirstOrDefault(other => other is not null);
    }

    [GeneratedRegex(@"\{([\w.]+)(?:,nq)?\}")]
    private static partial Regex Expression();
}
