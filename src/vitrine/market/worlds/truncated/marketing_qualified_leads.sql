-- Leads who have been in touch.
SELECT l.*
FROM main.marketing_qualified_leads AS l, main.cut
WHERE l.first_contact_date < cut_on
