# Makes templates/defaults.c of the texts that are named on the command line: a line of the table for
# each, in which a line of the text is a string.

BEGIN {
    print "/* Made of the texts in templates/ by templates/defaults.awk. */"
    print "#include \"templates/defaults.h\""
    print ""
    print "const struct template_default template_defaults[] = {"
}

FNR == 1 {
    if (NR > 1)
        print "    },"
    file = FILENAME
    sub(/.*\//, "", file)
    printf "    {\"%s\",\n", file
}

{
    gsub(/[\\"?]/, "\\\\&") # two question marks would begin a trigraph
    printf "     \"%s\\n\"\n", $0
}

END {
    print "    },"
    print "    {0},"
    print "};"
}
